package render

import (
	"io"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// The ids of OCSF 1.5.0, class Detection Finding of the category Findings, with
// the profiles Incident (for the verdict) and Cloud.
const (
	ocsfVersion  = "1.5.0"
	ocsfCategory = 2
	ocsfClass    = 2004
	ocsfProduct  = "trailverdict"
)

// OCSF writes a finding as a Detection Finding of the Open Cybersecurity Schema
// Framework, on one line. productVersion says which version of trailverdict
// found it; it may be empty.
func OCSF(w io.Writer, f incident.Finding, productVersion string) error {
	return JSONLine(w, ocsf(f, productVersion))
}

type ocsfFinding struct {
	ActivityID      int              `json:"activity_id"`
	ActivityName    string           `json:"activity_name"`
	CategoryUID     int              `json:"category_uid"`
	CategoryName    string           `json:"category_name"`
	ClassUID        int              `json:"class_uid"`
	ClassName       string           `json:"class_name"`
	TypeUID         int              `json:"type_uid"`
	TypeName        string           `json:"type_name"`
	Time            int64            `json:"time"`
	StartTime       int64            `json:"start_time,omitempty"`
	EndTime         int64            `json:"end_time,omitempty"`
	SeverityID      int              `json:"severity_id"`
	Severity        string           `json:"severity"`
	StatusID        int              `json:"status_id"`
	Status          string           `json:"status"`
	ConfidenceID    int              `json:"confidence_id"`
	Confidence      string           `json:"confidence"`
	ConfidenceScore int              `json:"confidence_score"`
	VerdictID       int              `json:"verdict_id"`
	Verdict         string           `json:"verdict"`
	IsAlert         bool             `json:"is_alert"`
	SuspectedBreach bool             `json:"is_suspected_breach"`
	Message         string           `json:"message"`
	Metadata        ocsfMetadata     `json:"metadata"`
	Cloud           ocsfCloud        `json:"cloud"`
	FindingInfo     ocsfInfo         `json:"finding_info"`
	Resources       []ocsfResource   `json:"resources"`
	Evidences       []ocsfEvidence   `json:"evidences"`
	Remediation     *ocsfRemediation `json:"remediation,omitempty"`
	Unmapped        ocsfUnmapped     `json:"unmapped"`
}

type ocsfMetadata struct {
	Version  string            `json:"version"`
	Product  ocsfProductObject `json:"product"`
	Profiles []string          `json:"profiles"`
	UID      string            `json:"uid"`
	Sequence int               `json:"sequence"`
}

type ocsfProductObject struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfCloud struct {
	Provider string      `json:"provider"`
	Account  ocsfAccount `json:"account"`
	Region   string      `json:"region,omitempty"`
}

type ocsfAccount struct {
	UID    string `json:"uid"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfInfo struct {
	UID           string       `json:"uid"`
	Title         string       `json:"title"`
	Desc          string       `json:"desc"`
	SrcURL        string       `json:"src_url,omitempty"`
	FirstSeenTime int64        `json:"first_seen_time,omitempty"`
	LastSeenTime  int64        `json:"last_seen_time,omitempty"`
	Types         []string     `json:"types"`
	Analytic      ocsfAnalytic `json:"analytic"`
	Attacks       []ocsfAttack `json:"attacks,omitempty"`
}

type ocsfAnalytic struct {
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	UID    string `json:"uid"`
}

type ocsfAttack struct {
	Technique    *ocsfID `json:"technique,omitempty"`
	SubTechnique *ocsfID `json:"sub_technique,omitempty"`
}

type ocsfID struct {
	UID string `json:"uid"`
}

type ocsfResource struct {
	UID            string            `json:"uid"`
	Name           string            `json:"name"`
	Type           string            `json:"type"`
	CloudPartition string            `json:"cloud_partition,omitempty"`
	Region         string            `json:"region,omitempty"`
	Data           *ocsfResourceData `json:"data,omitempty"`
}

type ocsfResourceData struct {
	AccessKeyIDs []string `json:"access_key_ids"`
}

type ocsfEvidence struct {
	UID         string        `json:"uid,omitempty"`
	Name        string        `json:"name"`
	Actor       *ocsfActor    `json:"actor,omitempty"`
	SrcEndpoint *ocsfEndpoint `json:"src_endpoint,omitempty"`
	VerdictID   int           `json:"verdict_id"`
	Verdict     string        `json:"verdict"`
	Data        evidence      `json:"data"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfUser struct {
	UID string `json:"uid"`
}

type ocsfEndpoint struct {
	IP      string `json:"ip,omitempty"`
	SvcName string `json:"svc_name,omitempty"`
}

type ocsfRemediation struct {
	Desc string `json:"desc"`
}

// ocsfUnmapped is what the schema has no place for, under our own names.
type ocsfUnmapped struct {
	Verdict     string       `json:"verdict"`
	Cause       string       `json:"cause"`
	Status      string       `json:"status"`
	Links       []string     `json:"links,omitempty"`
	WouldChange []string     `json:"wouldChange"`
	Interval    *interval    `json:"interval,omitempty"`
	BlastRadius *blastRadius `json:"blastRadius,omitempty"`
}

// enum is an id of the schema with its caption.
type enum struct {
	id      int
	caption string
}

func ocsf(f incident.Finding, productVersion string) ocsfFinding {
	activity, status := ocsfActivity(f), ocsfStatus(f.Status)
	severity, confidence, verdict := ocsfSeverity(f.Severity), ocsfConfidence(f.Confidence), ocsfVerdict(f.Verdict)
	const class = "Detection Finding"
	return ocsfFinding{
		ActivityID: activity.id, ActivityName: activity.caption,
		CategoryUID: ocsfCategory, CategoryName: "Findings",
		ClassUID: ocsfClass, ClassName: class,
		TypeUID: ocsfClass*100 + activity.id, TypeName: class + ": " + activity.caption,
		Time: millis(f.LastSeen), StartTime: millis(f.FirstSeen), EndTime: millis(f.LastSeen),
		SeverityID: severity.id, Severity: severity.caption,
		StatusID: status.id, Status: status.caption,
		ConfidenceID: confidence.id, Confidence: confidence.caption,
		ConfidenceScore: int(math.Round(100 * rounded(f.Confidence, 1000))),
		VerdictID:       verdict.id, Verdict: verdict.caption,
		IsAlert:         f.Verdict == incident.Compromise && f.Status != incident.Resolved,
		SuspectedBreach: f.Verdict == incident.Compromise,
		Message:         f.Summary,
		Metadata: ocsfMetadata{
			Version:  ocsfVersion,
			Product:  ocsfProductObject{Name: ocsfProduct, VendorName: ocsfProduct, Version: productVersion},
			Profiles: []string{"cloud", "incident"},
			UID:      f.ID,
			Sequence: f.Revision,
		},
		Cloud: ocsfCloud{
			Provider: "AWS",
			Account:  ocsfAccount{UID: f.Account, TypeID: 10, Type: "AWS Account"},
			Region:   f.Region,
		},
		FindingInfo: ocsfFindingInfo(f),
		Resources:   ocsfResources(f),
		Evidences:   ocsfEvidences(f),
		Remediation: ocsfSteps(f.NextSteps),
		Unmapped: ocsfUnmapped{
			Verdict: string(f.Verdict), Cause: string(f.Cause), Status: string(f.Status),
			Links:       urls(Links(f)),
			WouldChange: list(wouldChange(f)),
			Interval:    wireInterval(f.Interval), BlastRadius: wireBlastRadius(f.BlastRadius),
		},
	}
}

func ocsfActivity(f incident.Finding) enum {
	switch {
	case f.Status == incident.Resolved:
		return enum{3, "Close"}
	case f.Revision > 1:
		return enum{2, "Update"}
	}
	return enum{1, "Create"}
}

func ocsfStatus(s incident.Status) enum {
	if s == incident.Resolved {
		return enum{4, "Resolved"}
	}
	return enum{1, "New"}
}

func ocsfSeverity(s incident.Severity) enum {
	switch s {
	case incident.Critical:
		return enum{5, "Critical"}
	case incident.High:
		return enum{4, "High"}
	case incident.Medium:
		return enum{3, "Medium"}
	case incident.Low:
		return enum{2, "Low"}
	}
	return enum{1, "Informational"}
}

func ocsfConfidence(p float64) enum {
	switch {
	case p >= 0.85:
		return enum{3, "High"}
	case p >= 0.6:
		return enum{2, "Medium"}
	}
	return enum{1, "Low"}
}

// ocsfVerdict maps our verdicts to OCSF's. A compromise is no "True Positive":
// only a person can say that.
func ocsfVerdict(v incident.Verdict) enum {
	switch v {
	case incident.Compromise:
		return enum{4, "Suspicious"}
	case incident.Expiry, incident.Misconfiguration, incident.PlannedChange:
		return enum{5, "Benign"}
	case incident.Inconclusive:
		return enum{7, "Insufficient Data"}
	}
	return enum{0, "Unknown"}
}

func ocsfFindingInfo(f incident.Finding) ocsfInfo {
	info := ocsfInfo{
		UID:           f.ID,
		Title:         Spaced(string(f.Verdict)+": "+string(f.Cause)) + ", " + SubjectName(f.Subject),
		Desc:          f.Summary,
		FirstSeenTime: millis(f.FirstSeen),
		LastSeenTime:  millis(f.LastSeen),
		Types:         []string{string(f.Verdict) + "/" + string(f.Cause)},
		Analytic:      ocsfAnalytic{TypeID: 1, Type: "Rule", Name: Spaced(string(f.Cause)), UID: string(f.Cause)},
	}
	if links := Links(f); len(links) > 0 {
		info.SrcURL = links[0].URL
	}
	for _, id := range f.ATTACK {
		technique, _, sub := strings.Cut(id, ".")
		a := ocsfAttack{Technique: &ocsfID{technique}}
		if sub {
			a.SubTechnique = &ocsfID{id}
		}
		info.Attacks = append(info.Attacks, a)
	}
	return info
}

func ocsfResources(f incident.Finding) []ocsfResource {
	r := ocsfResource{
		UID:            f.Subject.ARN,
		Name:           f.Subject.Name,
		Type:           string(f.Subject.Type),
		CloudPartition: f.Partition,
		Region:         f.Region,
	}
	if r.UID == "" {
		r.UID = f.Subject.Name
	}
	if len(f.Subject.AccessKeyIDs) > 0 {
		r.Data = &ocsfResourceData{f.Subject.AccessKeyIDs}
	}
	return []ocsfResource{r}
}

// ocsfEvidences lists what spoke for the verdict and what against. Each has the
// verdict that it speaks for, and a weight in its data.
func ocsfEvidences(f incident.Finding) []ocsfEvidence {
	out := []ocsfEvidence{}
	for _, side := range [][]incident.Evidence{f.Evidence, f.CounterEvidence} {
		wire := wireEvidence(side)
		for i, e := range side {
			verdict := ocsfVerdict(e.Direction)
			o := ocsfEvidence{
				UID: e.EventID, Name: string(e.Signal),
				VerdictID: verdict.id, Verdict: verdict.caption,
				Data: wire[i],
			}
			if e.Actor != "" {
				o.Actor = &ocsfActor{ocsfUser{e.Actor}}
			}
			o.SrcEndpoint = ocsfSource(e.SourceIP)
			out = append(out, o)
		}
	}
	return out
}

// ocsfSource is an address, or the name of the service that called.
func ocsfSource(source string) *ocsfEndpoint {
	if source == "" {
		return nil
	}
	if _, err := netip.ParseAddr(source); err != nil {
		return &ocsfEndpoint{SvcName: source}
	}
	return &ocsfEndpoint{IP: source}
}

func ocsfSteps(steps []string) *ocsfRemediation {
	if len(steps) == 0 {
		return nil
	}
	return &ocsfRemediation{strings.Join(steps, "\n")}
}

// millis is a time as OCSF counts it; an unknown one is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
