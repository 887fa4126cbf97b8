package trail

import (
	"regexp"

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

// canaryID keeps what stands in keys and log lines harmless.
var canaryID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// canary decodes the detail of a canary.
func (d *decoder) canary(detail jsonscan.Value, env envelope) {
	d.stats.Values++
	c := incident.Canary{ID: detail.Get("canaryId").Str(), Account: env.Account, Region: env.Region}
	sent, ok := timeOf(detail.Get("sentAt"))
	switch {
	case !canaryID.MatchString(c.ID):
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
