package correlate

func (v *view) trust() {}

func (v *view) trustHarmless(cu *cut) bool { return false }
