package interval

// thresholdDecades is what the needs below stand for: one stream without a
// rhythm in 10^3 is taken for one.
const thresholdDecades = 3

// needRow is what a chain has to gain among a number of beats, by tracker, in
// the order of trackers.
type needRow struct {
	beats int
	gain  [7]float64
}

// needTable holds the gains that streams without a rhythm (streams.Tuning)
// reach once in a thousand looks, for the worst kind of stream, and with what
// all trackers together add. With fewer than eight beats it is once in four
// thousand, since the same series is then looked at with five, six and seven.
//
//	go test ./internal/interval -run TestCalibrate -calibrate
//
// draws them anew. They are checked on streams.Checking (docs/accuracy.md).
var needTable = [...]needRow{
	{5, [7]float64{9.2, 6.8, 9.3, 6.8, 10.1, 10.0, 11.3}},
	{6, [7]float64{10.1, 7.8, 10.2, 8.0, 11.6, 12.5, 13.3}},
	{7, [7]float64{11.7, 9.0, 11.9, 8.9, 14.0, 13.9, 14.4}},
	{8, [7]float64{11.7, 9.1, 12.0, 9.5, 13.9, 13.5, 14.4}},
	{10, [7]float64{12.0, 9.4, 12.5, 9.7, 15.6, 13.8, 14.6}},
	{12, [7]float64{13.4, 10.6, 13.3, 11.0, 17.2, 15.7, 16.3}},
	{16, [7]float64{15.9, 12.7, 16.3, 13.1, 19.2, 18.0, 18.2}},
	{20, [7]float64{17.5, 14.2, 17.5, 14.5, 20.8, 19.4, 20.6}},
	{24, [7]float64{19.1, 15.6, 18.8, 16.7, 21.1, 20.8, 21.6}},
	{32, [7]float64{22.3, 18.5, 22.2, 19.0, 23.0, 24.2, 24.3}},
	{48, [7]float64{29.0, 23.9, 28.0, 24.4, 25.1, 28.6, 27.0}},
	{64, [7]float64{33.0, 29.4, 31.4, 28.6, 25.8, 32.8, 30.6}},
}

// needs interpolates the table.
func needs(beats int) [7]float64 {
	below := needTable[0]
	for _, row := range needTable {
		if beats <= row.beats {
			return between(below, row, beats)
		}
		below = row
	}
	return below.gain
}

func between(a, b needRow, beats int) [7]float64 {
	share := 1.0
	if b.beats > a.beats {
		share = float64(beats-a.beats) / float64(b.beats-a.beats)
	}
	out := a.gain
	for i := range out {
		out[i] += share * (b.gain[i] - a.gain[i])
	}
	return out
}
