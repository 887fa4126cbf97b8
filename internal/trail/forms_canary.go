package trail

import (
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// The event that tries the way out.
const (
	CanarySource     = "trailverdict.canary"
	CanaryDetailType = "trailverdict Canary"
)

// CanarySink is a Sink that takes canaries, too. To others they are of no
// interest.
type CanarySink interface {
	Canary(incident.Canary)
}

// canaryID is s if it is harmless in keys and log lines.
func canaryID(s string) string {
	if len(s) > 64 || !composed(s, "-") {
		return ""
	}
	return s
}

// canary decodes the detail of a canary.
func (d *decoder) canary(detail jsonscan.Value, env *envelope) {
	d.stats.Values++
	c := incident.Canary{ID: canaryID(detail.Get("canaryId").Str()), Account: env.Account, Region: env.Region}
	sent, ok := timeOf(detail.Get("sentAt"))
	switch {
	case c.ID == "":
		d.reject(SkipBadField, "canaryId")
		return
	case !ok:
		d.reject(SkipBadField, "sentAt")
		return
	}
	c.Sent = sent
	d.stats.Records++
	d.stats.Irrelevant++
	if sink, ok := d.sink.(CanarySink); ok {
		sink.Canary(c)
	}
}
