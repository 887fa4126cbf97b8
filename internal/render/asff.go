package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// What Security Hub accepts: the AWS Security Finding Format and the partner
// guide's rules for BatchImportFindings. A finding that breaks one is refused
// whole, so every field stays within.
const (
	asffVersion     = "2018-10-08"
	asffTitle       = 256
	asffDescription = 1024
	asffRemediation = 512
	asffValue       = 2048
	asffID          = 512
	asffResources   = 32
	asffFields      = 50

	asffBatch     = 100
	asffBatchSize = 5 << 20 // of 6 MB

	asffEvidence = 12 // facts of each side
	asffSteps    = 6
)

// asffFinding is an AwsSecurityFinding. Severity, types and confidence stand in
// FindingProviderFields alone: there a provider may change them later, and
// Security Hub copies them into the fields that customers change.
type asffFinding struct {
	SchemaVersion         string            `json:"SchemaVersion"`
	ID                    string            `json:"Id"`
	ProductArn            string            `json:"ProductArn"`
	ProductName           string            `json:"ProductName"`
	CompanyName           string            `json:"CompanyName"`
	Region                string            `json:"Region"`
	GeneratorID           string            `json:"GeneratorId"`
	AwsAccountID          string            `json:"AwsAccountId"`
	CreatedAt             string            `json:"CreatedAt"`
	UpdatedAt             string            `json:"UpdatedAt"`
	FirstObservedAt       string            `json:"FirstObservedAt"`
	LastObservedAt        string            `json:"LastObservedAt"`
	Title                 string            `json:"Title"`
	Description           string            `json:"Description"`
	SourceURL             string            `json:"SourceUrl,omitempty"`
	Remediation           asffRemedy        `json:"Remediation"`
	ProductFields         map[string]string `json:"ProductFields"`
	Resources             []asffResource    `json:"Resources"`
	RecordState           string            `json:"RecordState"`
	VerificationState     string            `json:"VerificationState"`
	FindingProviderFields asffProvider      `json:"FindingProviderFields"`
}

type asffRemedy struct {
	Recommendation asffRecommendation `json:"Recommendation"`
}

type asffRecommendation struct {
	Text string `json:"Text,omitempty"`
	URL  string `json:"Url"`
}

type asffProvider struct {
	Severity   asffSeverity `json:"Severity"`
	Types      []string     `json:"Types"`
	Confidence int          `json:"Confidence"`
}

type asffSeverity struct {
	Label    string `json:"Label"`
	Original string `json:"Original"`
}

type asffResource struct {
	Type      string      `json:"Type"`
	ID        string      `json:"Id"`
	Partition string      `json:"Partition,omitempty"`
	Region    string      `json:"Region,omitempty"`
	Details   asffDetails `json:"Details"`
}

type asffDetails struct {
	Role  *asffRole         `json:"AwsIamRole,omitempty"`
	User  *asffUser         `json:"AwsIamUser,omitempty"`
	Key   *asffKey          `json:"AwsIamAccessKey,omitempty"`
	Other map[string]string `json:"Other,omitempty"`
}

type asffRole struct {
	RoleName string `json:"RoleName"`
}

type asffUser struct {
	UserName string `json:"UserName"`
}

type asffKey struct {
	AccessKeyID   string `json:"AccessKeyId"`
	AccountID     string `json:"AccountId"`
	PrincipalName string `json:"PrincipalName,omitempty"`
}

// ASFF writes findings in the AWS Security Finding Format: on each line an array
// that BatchImportFindings takes as it is. A batch belongs to one account and one
// Region, since Security Hub takes a finding only there. The later revision of a
// finding updates the earlier one. Findings of which no account is known cannot
// be imported; they are left out and counted.
func ASFF(w io.Writer, findings []incident.Finding, productVersion string) (leftOut int, err error) {
	type place struct{ account, region string }
	batches, order := map[place][]incident.Finding{}, []place(nil)
	for _, f := range findings {
		at := place{f.Account, asffRegion(f)}
		if !isAccount(f.Account) || at.region == "" {
			leftOut++
			continue
		}
		if batches[at] == nil {
			order = append(order, at)
		}
		batches[at] = append(batches[at], f)
	}
	for _, at := range order {
		if err := asffBatches(w, batches[at], productVersion); err != nil {
			return leftOut, err
		}
	}
	return leftOut, nil
}

// asffBatches writes findings in as many requests as their number and size need.
func asffBatches(w io.Writer, findings []incident.Finding, productVersion string) error {
	var batch []json.RawMessage
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := JSONLine(w, batch)
		batch, size = batch[:0], 0
		return err
	}
	for _, f := range findings {
		var b bytes.Buffer
		if err := JSONLine(&b, asff(f, productVersion)); err != nil {
			return err
		}
		if len(batch) == asffBatch || size+b.Len() > asffBatchSize {
			if err := flush(); err != nil {
				return err
			}
		}
		batch, size = append(batch, json.RawMessage(bytes.TrimSpace(b.Bytes()))), size+b.Len()
	}
	return flush()
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// asffRegion is where a finding is imported: its own Region, else the one that
// records IAM's events.
func asffRegion(f incident.Finding) string {
	if isRegion(f.Region) {
		return f.Region
	}
	c, _ := consoleOf(f.Partition)
	return c.home
}

func asff(f incident.Finding, productVersion string) asffFinding {
	partition := f.Partition
	if partition == "" {
		partition = "aws"
	}
	region := asffRegion(f)
	links := Links(f)
	out := asffFinding{
		SchemaVersion:     asffVersion,
		ID:                within(f.ID, asffID),
		ProductArn:        "arn:" + partition + ":securityhub:" + region + ":" + f.Account + ":product/" + f.Account + "/default",
		ProductName:       ocsfProduct,
		CompanyName:       ocsfProduct,
		Region:            region,
		GeneratorID:       ocsfProduct + "/" + string(f.Verdict) + "/" + string(f.Cause),
		AwsAccountID:      f.Account,
		CreatedAt:         stampMillis(f.FirstSeen),
		UpdatedAt:         stampMillis(f.LastSeen.Add(time.Duration(f.Revision) * time.Millisecond)),
		FirstObservedAt:   stampMillis(f.FirstSeen),
		LastObservedAt:    stampMillis(f.LastSeen),
		Title:             within(heading(f.Verdict)+": "+Spaced(string(f.Cause))+", "+SubjectName(f.Subject), asffTitle),
		Description:       within(f.Summary, asffDescription),
		Remediation:       asffRemedy{asffRecommendation{stepsWithin(f.NextSteps, asffRemediation), Playbook(f.Verdict)}},
		ProductFields:     asffProductFields(f, links, productVersion),
		Resources:         asffSubject(f, region),
		RecordState:       "ACTIVE",
		VerificationState: "UNKNOWN",
		FindingProviderFields: asffProvider{
			Severity:   asffSeverity{strings.ToUpper(f.Severity.String()), f.Severity.String()},
			Types:      []string{asffType(f.Verdict, f.Cause)},
			Confidence: int(math.Round(100 * rounded(f.Confidence, 1000))),
		},
	}
	if f.Status == incident.Resolved {
		out.RecordState = "ARCHIVED"
	}
	switch f.Verdict {
	case incident.Expiry, incident.Misconfiguration, incident.PlannedChange:
		out.VerificationState = "BENIGN_POSITIVE"
	}
	if len(links) > 0 {
		out.SourceURL = links[0].URL
	}
	return out
}

// within is s on one line and within n characters. Security Hub takes no empty
// strings.
func within(s string, n int) string {
	if s = cut(OneLine(s), n, "…"); s == "" {
		return "-"
	}
	return s
}

// stepsWithin are the first steps that fit whole, since half a command must not
// be copied.
func stepsWithin(steps []string, n int) string {
	var b strings.Builder
	for i, step := range nonEmpty(steps) {
		line := fmt.Sprintf("%d. %s ", i+1, OneLine(step))
		if columns(b.String())+columns(line) > n {
			break
		}
		b.WriteString(line)
	}
	return strings.TrimSpace(b.String())
}

// stampMillis is RFC 3339 with milliseconds, by which Security Hub tells which of
// two revisions is the later one.
func stampMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// asffType is a type of the format's taxonomy, namespace/category/classifier.
func asffType(v incident.Verdict, c incident.Cause) string {
	category := "Unusual Behaviors/User"
	switch v {
	case incident.Compromise:
		category = asffTactic(c)
	case incident.Expiry:
		category = "Unusual Behaviors/Application"
	case incident.Misconfiguration:
		category = "Software and Configuration Checks/Credentials"
	}
	return category + "/" + Spaced(string(c))
}

func asffTactic(c incident.Cause) string {
	switch c {
	case incident.TrustOpened, incident.TrustChangedByStranger, incident.CredentialsAdded:
		return "TTPs/Persistence"
	case incident.AuditTampering, incident.ContainmentUndone:
		return "TTPs/Defense Evasion"
	case incident.RevokedByStranger, incident.RoleDeletedByStranger, incident.KeyDisabledByStranger, incident.ProviderRemovedByStranger:
		return "Effects/Denial of Service"
	}
	return "TTPs/Credential Access"
}

// asffSubject is whom the finding is about, and the keys.
func asffSubject(f incident.Finding, region string) []asffResource {
	partition := f.Partition
	if _, ok := consoleOf(partition); !ok {
		partition = ""
	}
	s := f.Subject
	r := asffResource{Type: "Other", ID: within(s.ARN, asffID), Partition: partition, Region: region}
	if s.ARN == "" {
		r.ID = within(s.Name, asffID)
	}
	name := within(s.Name, asffID)
	switch s.Type {
	case incident.Role:
		r.Type, r.Details.Role = "AwsIamRole", &asffRole{name}
	case incident.User:
		r.Type, r.Details.User = "AwsIamUser", &asffUser{name}
	case incident.Account:
		r.Type, r.ID = "AwsAccount", "AWS::::Account:"+f.Account
	default:
		r.Details.Other = map[string]string{string(s.Type): name}
	}
	list := []asffResource{r}
	for _, key := range s.AccessKeyIDs {
		if len(list) == asffResources {
			break
		}
		key = within(key, 128)
		details := asffKey{AccessKeyID: key, AccountID: f.Account}
		if s.Type == incident.Role || s.Type == incident.User {
			details.PrincipalName = name
		}
		list = append(list, asffResource{
			Type: "AwsIamAccessKey", ID: "AWS::IAM::AccessKey:" + key, Partition: partition, Region: region,
			Details: asffDetails{Key: &details},
		})
	}
	return list
}

// asffProductFields is what the format has no place for, under our own names.
func asffProductFields(f incident.Finding, links []Link, productVersion string) map[string]string {
	fields := map[string]string{}
	put := func(key, value string) {
		if strings.TrimSpace(value) != "" && len(fields) < asffFields {
			fields[ocsfProduct+"/"+key] = within(value, asffValue)
		}
	}
	put("version", productVersion)
	put("verdict", string(f.Verdict))
	put("cause", string(f.Cause))
	put("status", string(f.Status))
	put("revision", strconv.Itoa(f.Revision))
	put("subjectType", string(f.Subject.Type))
	put("subject", f.Subject.Name)
	put("workloads", strings.Join(f.Subject.Workloads, ", "))
	put("attack", strings.Join(f.ATTACK, ", "))
	if f.Interval != nil {
		put("interval", rhythm(*f.Interval, time.Time{}))
	}
	if f.BlastRadius != nil {
		put("blastRadius", reach(*f.BlastRadius, f.FirstSeen, time.Time{}))
	}
	numbered := func(key string, values []string, most int) {
		for i, value := range values[:min(len(values), most)] {
			put(fmt.Sprintf("%s/%02d", key, i+1), value)
		}
	}
	numbered("nextStep", f.NextSteps, asffSteps)
	numbered("evidence", asffFacts(f.Evidence), asffEvidence)
	numbered("counterEvidence", asffFacts(f.CounterEvidence), asffEvidence)
	numbered("wouldChange", wouldChange(f), 3)
	for i, l := range links {
		put(fmt.Sprintf("link/%02d", i+1), l.URL)
	}
	return fields
}

// asffFacts are the weightiest facts of a side, each with its source.
func asffFacts(facts []incident.Evidence) []string {
	var list []string
	for _, e := range weightiest(facts, min(len(facts), asffEvidence)) {
		s := e.Time.UTC().Format(time.RFC3339) + " " + e.Fact
		for _, origin := range []string{e.Actor, e.SourceIP, e.EventID} {
			if origin != "" {
				s += " · " + origin
			}
		}
		list = append(list, s+fmt.Sprintf(" · %.2f for %s", rounded(e.Weight, 100), direction(e)))
	}
	return list
}
