package settle

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Notebook keeps what one run leaves to the next.
type Notebook interface {
	// Notes returns the text that was saved last under a name, and its version;
	// nothing and 0 if none was.
	Notes(ctx context.Context, name string) (text []byte, version int64, err error)
	// SaveNotes saves a text as the version after the given one. The error is
	// store.ErrConflict if somebody else saved since it was read.
	SaveNotes(ctx context.Context, name string, text []byte, version int64) error
}

// notesName is the name of a settler's notes.
const notesName = "settle"

// notes are how far runs came. The names are a storage format.
type notes struct {
	Evidence cursor `json:"evidence"`
	// Swept is how far the event history was compared, by event source.
	Swept map[string]*sweep `json:"swept,omitempty"`
	Asked []inquiry         `json:"asked,omitempty"`
	// Pursued are keys whose calls are looked up.
	Pursued []pursuit `json:"pursued,omitempty"`
}

// cursor is a place in the evidence that is due.
type cursor struct {
	// Since is until when everything was looked at. Until ends the window at
	// hand. After is the page that was read last in it, and Skip how many
	// signals of the next one were looked at.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	After string    `json:"after,omitempty"`
	Skip  int       `json:"skip,omitempty"`
	// Tries counts the runs that failed at this place while others went well.
	Tries int `json:"tries,omitempty"`
}

// lookBack is how far a run looks back that knows nothing of those before it.
const lookBack = 24 * time.Hour

// load reads the notes. What cannot be read is begun anew: everything is
// repeatable.
func (r *run) load(ctx context.Context) (version int64, err error) {
	text, version, err := r.Notebook.Notes(ctx, notesName)
	if err != nil {
		return 0, fmt.Errorf("read the notes of the last run: %w", err)
	}
	if len(text) > 0 && json.Unmarshal(text, &r.notes) != nil {
		r.notes = notes{}
	}
	r.notes.Evidence.begin(r.now)
	r.forget()
	return version, nil
}

// begin opens the window up to now, unless one is at hand. A place in the
// future was left by a clock that was wrong; what it passed over lies within a
// day.
func (c *cursor) begin(now time.Time) {
	if c.Since.IsZero() || c.Since.After(now) || c.Until.After(now) || c.Skip < 0 {
		*c = cursor{Since: now.Add(-lookBack)}
	}
	if c.After == "" && c.Skip == 0 {
		c.Until = now
	}
}

// doubt begins the window anew when a page of it could not be read again and
// again: what names the page may be no good any more.
func (c *cursor) doubt() {
	if c.Tries++; c.Tries >= maxTries {
		c.After, c.Skip, c.Tries = "", 0, 0
	}
}

func (r *run) save(ctx context.Context, version int64) error {
	text, err := json.Marshal(r.notes)
	if err == nil {
		err = r.Notebook.SaveNotes(ctx, notesName, text, version)
	}
	if err != nil {
		return fmt.Errorf("save the notes of this run: %w", err)
	}
	return nil
}
