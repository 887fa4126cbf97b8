package interval

import "time"

// Lifetime is how long a kind of credential lives, and what a failure that
// recurs at that interval suggests.
type Lifetime struct {
	Duration time.Duration
	// Name says whose credentials live that long.
	Name string
	// Fix is what the owner of the failing code should look at.
	Fix string
	// Source is where the figure comes from.
	Source string
}

// Lifetimes returns the lifetimes that AWS credentials are known to have,
// shortest first. Only figures with a source are listed: roles may be
// configured to other durations, which lineage knows better than a table.
func Lifetimes() []Lifetime {
	return []Lifetime{
		{
			15 * time.Minute, "shortest session (AssumeRole with DurationSeconds 900, AssumeRoot)",
			"ask for a longer DurationSeconds, or let the SDK's assume-role provider renew instead of caching the credentials",
			"AWS STS API: AssumeRole, AssumeRoot",
		},
		{
			30 * time.Minute, "role session held by an AWS service (Auto Scaling, EKS)",
			"read the credentials again before each use; the service renews them every half hour",
			"measured in recorded issuances",
		},
		{
			time.Hour, "AssumeRole default, chained roles, IRSA",
			"keep one credential provider for the life of the process and let it renew; with IRSA read the token file again on each renewal",
			"AWS STS API: default DurationSeconds; role chaining is limited to one hour",
		},
		{
			2 * time.Hour, "function role session",
			"create SDK clients from the environment's provider on each cold start and never copy its keys elsewhere",
			"measured in recorded issuances",
		},
		{
			6 * time.Hour, "instance profile",
			"use the SDK's default provider chain instead of credentials read once from the instance metadata service",
			"measured in recorded issuances: 6:00:36 to 6:27:44",
		},
		{
			6*time.Hour + 35*time.Minute, "instance profile, longest seen",
			"use the SDK's default provider chain instead of credentials read once from the instance metadata service",
			"measured in recorded issuances: 6:35:00",
		},
		{
			12 * time.Hour, "longest role session, GetSessionToken and GetFederationToken default, function roles, IAM Identity Center",
			"renew the session before it ends, or sign in again by a scheduled job; a longer session is not to be had for a role",
			"AWS STS API: MaxSessionDuration, default DurationSeconds",
		},
		{
			36 * time.Hour, "longest GetSessionToken or GetFederationToken session",
			"replace the stored session token by a role that the workload assumes itself",
			"AWS STS API: GetSessionToken, GetFederationToken",
		},
	}
}

// nearLifetime is how far a period may lie from a lifetime and still fit it,
// as a share of the lifetime: failures start with the first call after the
// expiration, renewals some minutes before it.
const nearLifetime = 0.03

// nearest returns the lifetime that period fits best, among the known ones and
// those that the caller has seen.
func nearest(period time.Duration, seen []time.Duration) (time.Duration, bool) {
	best, distance := time.Duration(0), nearLifetime
	consider := func(d time.Duration) {
		if d <= 0 {
			return
		}
		off := abs(period.Seconds()/d.Seconds() - 1)
		if off < distance || off == distance && d < best {
			best, distance = d, off
		}
	}
	for _, l := range Lifetimes() {
		consider(l.Duration)
	}
	for _, d := range seen {
		consider(d)
	}
	return best, best > 0
}

// Nearest returns the lifetime of Lifetimes that a period fits; false if none.
func Nearest(period time.Duration) (time.Duration, bool) { return nearest(period, nil) }

// LifetimeOf returns the table's entry for a lifetime, as found in
// Rhythm.Lifetime; false if the lifetime is not in the table.
func LifetimeOf(d time.Duration) (Lifetime, bool) {
	for _, l := range Lifetimes() {
		if l.Duration == d {
			return l, true
		}
	}
	return Lifetime{}, false
}
