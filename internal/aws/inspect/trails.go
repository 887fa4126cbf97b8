package inspect

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/trailverdict/trailverdict/internal/doctor"
)

// trailsOf are the trails that record a Region, those of other Regions and of
// the organisation among them.
func (i *inspector) trailsOf(ctx context.Context, region string) doctor.Answer[[]doctor.Trail] {
	out, err := cloudtrail.NewFromConfig(i.in(region)).DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
	return answer("cloudtrail:DescribeTrails", region, err, func() []doctor.Trail {
		var list []doctor.Trail
		for _, t := range out.TrailList {
			list = append(list, i.trail(ctx, t))
		}
		return list
	})
}

// trail reads a trail once, in its own Region.
func (i *inspector) trail(ctx context.Context, t types.Trail) doctor.Trail {
	i.mu.Lock()
	defer i.mu.Unlock()
	name := aws.ToString(t.TrailARN)
	if known, ok := i.trails[name]; ok {
		return known
	}
	read := doctor.Trail{
		Name: aws.ToString(t.Name), ARN: name, Home: aws.ToString(t.HomeRegion),
		Everywhere: aws.ToBool(t.IsMultiRegionTrail), Global: aws.ToBool(t.IncludeGlobalServiceEvents), Organization: aws.ToBool(t.IsOrganizationTrail),
		Others: !strings.Contains(name, ":"+i.facts.Account+":"),
	}
	api := cloudtrail.NewFromConfig(i.in(read.Home))
	status, err := api.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
	read.Status = answer("cloudtrail:GetTrailStatus", read.Home, err, func() doctor.TrailStatus {
		return doctor.TrailStatus{Logging: aws.ToBool(status.IsLogging), Stopped: aws.ToTime(status.StopLoggingTime), DeliveryError: aws.ToString(status.LatestDeliveryError)}
	})
	selectors, err := api.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.TrailARN})
	read.Selectors = answer("cloudtrail:GetEventSelectors", read.Home, err, func() []doctor.Selector {
		return append(basic(selectors.EventSelectors), advanced(selectors.AdvancedEventSelectors)...)
	})
	i.trails[name] = read
	return read
}

func basic(list []types.EventSelector) []doctor.Selector {
	var out []doctor.Selector
	for _, s := range list {
		if s.IncludeManagementEvents != nil && !*s.IncludeManagementEvents {
			continue
		}
		out = append(out, doctor.Selector{
			Read: s.ReadWriteType != types.ReadWriteTypeWriteOnly, Write: s.ReadWriteType != types.ReadWriteTypeReadOnly,
			Excluded: s.ExcludeManagementEventSources,
		})
	}
	return out
}

// advanced reads selectors that are made of conditions on fields.
func advanced(list []types.AdvancedEventSelector) []doctor.Selector {
	var out []doctor.Selector
	for _, s := range list {
		management := slices.ContainsFunc(s.FieldSelectors, func(f types.AdvancedFieldSelector) bool {
			return aws.ToString(f.Field) == "eventCategory" && slices.Contains(f.Equals, "Management")
		})
		if management {
			out = append(out, conditions(s.FieldSelectors))
		}
	}
	return out
}

func conditions(fields []types.AdvancedFieldSelector) doctor.Selector {
	s := doctor.Selector{Read: true, Write: true}
	for _, f := range fields {
		others := len(f.StartsWith)+len(f.NotStartsWith)+len(f.EndsWith)+len(f.NotEndsWith) > 0
		switch name := aws.ToString(f.Field); {
		case name == "eventCategory":
		case name == "readOnly" && slices.Equal(f.Equals, []string{"true"}):
			s.Write = false
		case name == "readOnly" && slices.Equal(f.Equals, []string{"false"}):
			s.Read = false
		case name == "eventSource" && !others && len(f.Equals) == 0:
			s.Excluded = append(s.Excluded, f.NotEquals...)
		default:
			s.Narrowed = append(s.Narrowed, name)
		}
	}
	return s
}

const (
	// usedWithin is how far back signs of use are looked for.
	usedWithin = 7 * 24 * time.Hour
	// pause is kept between questions to the event history, which answers two a
	// second to everybody in the account together.
	pause = time.Second
	pages = 2 // of 50 events, for each question
)

// signs are the questions whose answers show that a Region is used, and which
// of the answers do. AWS's services work in Regions that nobody uses, by the
// roles that are linked to them.
var signs = []struct {
	key   types.LookupAttributeKey
	value string
	shows func(types.Event) bool
}{
	{types.LookupAttributeKeyEventSource, "sts.amazonaws.com", func(types.Event) bool { return true }},
	{types.LookupAttributeKeyReadOnly, "false", func(e types.Event) bool { return aws.ToString(e.AccessKeyId) != "" }},
}

func byService(e types.Event) bool {
	record := aws.ToString(e.CloudTrailEvent)
	return strings.Contains(record, "/aws-service-role/") || strings.Contains(record, "/AWSServiceRoleFor")
}

// use looks for the latest sign that a Region is used.
func (i *inspector) use(ctx context.Context, region string) doctor.Answer[doctor.Use] {
	const action = "cloudtrail:LookupEvents"
	api := cloudtrail.NewFromConfig(i.in(region))
	for n, sign := range signs {
		in := &cloudtrail.LookupEventsInput{
			StartTime: aws.Time(i.facts.Now.Add(-usedWithin)), MaxResults: aws.Int32(50),
			LookupAttributes: []types.LookupAttribute{{AttributeKey: sign.key, AttributeValue: aws.String(sign.value)}},
		}
		for page := range pages {
			if n+page > 0 {
				if err := i.clock.Sleep(ctx, pause); err != nil {
					return gap[doctor.Use](action, region, err)
				}
			}
			out, err := api.LookupEvents(ctx, in)
			if err != nil {
				return gap[doctor.Use](action, region, err)
			}
			for _, e := range out.Events {
				if !byService(e) && sign.shows(e) {
					return doctor.Answer[doctor.Use]{Value: doctor.Use{Event: aws.ToString(e.EventName), Time: aws.ToTime(e.EventTime)}}
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				break
			}
		}
	}
	return doctor.Answer[doctor.Use]{}
}
