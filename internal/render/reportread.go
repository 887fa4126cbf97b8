package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// ErrReport says that something is no report in JSON. It holds nothing of it.
var ErrReport = errors.New("not a report in JSON, of the schema " + ReportSchema)

// ReadReport reads what ReportJSON wrote: the period and the anomalies, without
// their sentences. Kinds of anomalies that are not known are left out.
func ReadReport(data []byte) (incident.Report, error) {
	var in report
	if err := json.Unmarshal(data, &in); err != nil || in.Schema != ReportSchema {
		return incident.Report{}, ErrReport
	}
	var r incident.Report
	var err error
	if r.From, err = readStamp(in.From); err != nil {
		return r, fmt.Errorf("from: %w", err)
	}
	if r.To, err = readStamp(in.To); err != nil {
		return r, fmt.Errorf("to: %w", err)
	}
	for i, p := range in.Principals {
		a, err := readAnomaly(p)
		if err != nil {
			return r, fmt.Errorf("principals[%d]: %w", i, err)
		}
		if slices.Contains(anomalyKinds(), a.Kind) {
			r.Anomalies = append(r.Anomalies, a)
		}
	}
	return r, nil
}

func readAnomaly(in anomaly) (incident.Anomaly, error) {
	a := incident.Anomaly{
		Kind: incident.AnomalyKind(in.Anomaly),
		Subject: incident.Subject{
			Principal: incident.Principal{
				Type: incident.PrincipalType(in.Subject.Type), Name: in.Subject.Name, ARN: in.Subject.ARN, Account: accountIn(in.Subject.ARN),
			},
			AccessKeyIDs: in.Subject.AccessKeyIDs,
		},
		Period: seconds(in.PeriodSeconds), Lifetime: seconds(in.ExpectedLifetimeSeconds),
		Occurrences: in.Occurrences, Confidence: in.Confidence,
	}
	if in.JitterSeconds != nil {
		a.Jitter = seconds(*in.JitterSeconds)
	}
	var err error
	if a.NextExpected, err = readStamp(in.NextExpected); err != nil {
		return a, fmt.Errorf("nextExpected: %w", err)
	}
	for n, s := range in.Times {
		t, err := readStamp(s)
		if err != nil {
			return a, fmt.Errorf("times[%d]: %w", n, err)
		}
		a.Times = append(a.Times, t)
	}
	return a, nil
}

// accountIn is the account of an ARN, if there is one.
func accountIn(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// readStamp reads a time, which may be absent.
func readStamp(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, ErrReport
	}
	return t.UTC(), nil
}
