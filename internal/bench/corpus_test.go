package bench

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// sort is what a record of the corpus is.
type sort int

const (
	ordinary sort = iota // a call that succeeded: somebody's credentials were used
	service              // a call by AWS itself, or one that failed for another reason
	issuance
	failure
	change
)

// corpus makes records that nobody recorded, the same ones for the same seed.
type corpus struct {
	rand *rand.Rand
	at   time.Time
	n    int
	live int // the first session of each role that still lives
}

func newCorpus() *corpus {
	return &corpus{rand: rand.New(rand.NewPCG(1, 2)), at: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
}

// next is one record of the mix of an account at work: 97 % of no interest but
// for whose credentials were used, 2 % issuance, 0.5 % failures, 0.5 % changes.
func (c *corpus) next() (string, sort) {
	switch n := c.rand.IntN(1000); {
	case n < 20:
		return c.record(issuance), issuance
	case n < 25:
		return c.record(failure), failure
	case n < 30:
		return c.record(change), change
	case n < 300:
		return c.record(service), service
	}
	return c.record(ordinary), ordinary
}

// record is a record of a sort, of 1.4 kB or a little more.
func (c *corpus) record(s sort) string {
	c.n++
	c.at = c.at.Add(time.Duration(c.rand.IntN(2000)) * time.Millisecond)
	var b strings.Builder
	by := caller{role: c.rand.IntN(40), session: c.live + c.rand.IntN(sessions)}
	fmt.Fprintf(&b, `{"eventVersion":"1.11","userIdentity":%s,"eventTime":%q,`, by.identity(s), c.at.Format(time.RFC3339))
	b.WriteString(c.call(s, by))
	fmt.Fprintf(&b, `,"requestID":"%s","eventID":"%s","readOnly":%t,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management",`+
		`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"service.eu-west-1.amazonaws.com"}}`, c.uuid(), c.uuid(), s == ordinary)
	return b.String()
}

// caller is a session of an application's role. There are 600 at a time, as many
// for the number of records as in five minutes of a production account that were
// published, where 1,679 records were of 250 callers, and nearly all of them did
// one thing over and over.
type caller struct{ role, session int }

// sessions is how many a role has at a time.
const sessions = 15

func (by caller) identity(s sort) string {
	if s == service {
		return `{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`
	}
	role := fmt.Sprintf("app-%02d", by.role)
	return fmt.Sprintf(`{"type":"AssumedRole","principalId":"AROAEXAMPLE%s:worker","arn":"arn:aws:sts::111122223333:assumed-role/%[2]s/worker","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE%s%03d",`+
		`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE%[1]s","arn":"arn:aws:iam::111122223333:role/%[2]s","accountId":"111122223333","userName":"%[2]s"},`+
		`"attributes":{"creationDate":"2026-03-04T11:30:00Z","mfaAuthenticated":"false"}}}`, strings.ToUpper(role[4:]), role, role[4:], by.session)
}

func (c *corpus) call(s sort, by caller) string {
	head := func(source, name string) string {
		return fmt.Sprintf(`"eventSource":"%s.amazonaws.com","eventName":%q,"awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.%d","userAgent":"Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#6.1 lang/python#3.12.1",`,
			source, name, (16*by.session+by.role%16)%256)
	}
	switch s {
	case issuance:
		return head("sts", "AssumeRole") + fmt.Sprintf(`"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/app-%02d","roleSessionName":"worker","durationSeconds":3600},`+
			`"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLE%09d","sessionToken":"%s","expiration":"Mar 4, 2026, 1:00:00 PM"},"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLE:worker","arn":"arn:aws:sts::111122223333:assumed-role/app/worker"}}`,
			c.rand.IntN(40), c.n, c.hex(200))
	case failure:
		return head("s3", "ListBuckets") + `"errorCode":"ExpiredToken","errorMessage":"The provided token has expired.","requestParameters":` + c.filters(3) + `,"responseElements":null`
	case change:
		return head("iam", "AttachRolePolicy") + fmt.Sprintf(`"requestParameters":{"roleName":"app-%02d","policyArn":"arn:aws:iam::111122223333:policy/readers","notes":%s},"responseElements":null`, c.rand.IntN(40), c.filters(3))
	case service:
		return head("ec2", "DescribeInstanceStatus") + `"requestParameters":` + c.filters(9) + `,"responseElements":null`
	}
	call := [][2]string{{"ec2", "DescribeInstances"}, {"kms", "Decrypt"}, {"s3", "GetBucketAcl"}, {"ssm", "GetParameter"}, {"logs", "CreateLogStream"}}[by.role%5]
	return head(call[0], call[1]) + `"requestParameters":` + c.filters(3) + `,"responseElements":null`
}

// filters are what calls that read are made of.
func (c *corpus) filters(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"name":"tag:service","valueSet":{"items":[{"value":"i-%s"}]}}`, c.hex(17))
	}
	return `{"filterSet":{"items":[` + strings.Join(list, ",") + `]},"maxResults":100}`
}

func (c *corpus) uuid() string {
	return c.hex(8) + "-" + c.hex(4) + "-4" + c.hex(3) + "-8" + c.hex(3) + "-" + c.hex(12)
}

func (c *corpus) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[c.rand.IntN(16)]
	}
	return string(b)
}

// file is a log file as CloudTrail writes it, of n records chosen by next.
func file(n int, next func() string) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = next()
	}
	return []byte(`{"Records":[` + strings.Join(list, ",") + `]}`)
}

func zipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// delivered is a record as EventBridge delivers it, of 1.8 kB.
func (c *corpus) delivered(s sort, errorCode string) []byte {
	record := c.record(s)
	if errorCode != "" {
		record = strings.Replace(record, `"requestParameters"`, `"errorCode":"`+errorCode+`","errorMessage":"refused","requestParameters"`, 1)
	}
	return fmt.Appendf(nil, `{"version":"0","id":"%s","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"111122223333","time":%q,"region":"eu-west-1","resources":[],"detail":%s}`,
		c.uuid(), c.at.Format(time.RFC3339), record)
}

// counter is a decoder's sink that counts.
type counter struct{ signals, uses, skips int }

func (c *counter) Signal(incident.Signal) { c.signals++ }
func (c *counter) Use(incident.Use)       { c.uses++ }
func (c *counter) Skipped(trail.Skip)     { c.skips++ }

// TestCorpus holds the corpus to its mix and size, so that figures speak of what
// they say they do.
func TestCorpus(t *testing.T) {
	const n = 4000
	c, want := newCorpus(), map[sort]int{}
	b := file(n, func() string {
		r, s := c.next()
		want[s]++
		return r
	})
	if size := len(b) / n; size < 1300 || size > 1500 {
		t.Errorf("records are of %d bytes, want about 1400", size)
	}
	if rest := n - want[ordinary] - want[service]; rest < n*2/100 || rest > n*4/100 {
		t.Errorf("%d of %d records are of interest, want 3 %%", rest, n)
	}
	var got counter
	st, err := trail.Decode(bytes.NewReader(zipped(t, b)), "corpus", &got)
	if err != nil {
		t.Fatal(err)
	}
	if signals := want[issuance] + want[failure] + want[change]; got.skips > 0 || got.signals != signals || st.Irrelevant != want[service] || st.Records != n {
		t.Errorf("decoded %+v, %+v; want %d signals and %d irrelevant", got, st, signals, want[service])
	}
	if a := newCorpus(); string(b) != string(file(n, func() string { r, _ := a.next(); return r })) {
		t.Error("the same seed gives another corpus")
	}
}
