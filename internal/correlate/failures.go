package correlate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// why is what explains a failed credential.
type why string

const (
	nothing        why = ""
	pastExpiration why = "past_expiration" // lineage knows
	saidExpired    why = "said_expired"    // the service says so
	federationOver why = "federation_expired"
	cutOff         why = "cut_off"
	skewed         why = "skewed"
	badSignature   why = "bad_signature"
	badFederation  why = "bad_federation"
	noProvider     why = "no_provider"
	providerDown   why = "provider_down"
	otherPartition why = "other_partition"
	otherRegion    why = "other_region"
	optInRegion    why = "opt_in_region"
	noToken        why = "no_token"
	tokenLeftOut   why = "token_left_out"
	tooNew         why = "too_new"
	alive          why = "alive" // the same key works before and after: a passing fault
	diedEarly      why = "died_early"
)

// failure is a failed credential with what explains it.
type failure struct {
	sig *incident.Signal
	why why
	cut *cut
	is  *lineage.Issuance // an empty one where it is not known
}

// failures judges the credentials that were refused, run by run.
func (v *view) failures() {
	var all []failure
	for _, sig := range v.signals {
		if sig.Kind == incident.CredentialFailed {
			all = append(all, v.attribute(sig))
		}
	}
	if len(all) == 0 {
		return
	}
	v.rhythm(all)
	byCut := map[*cut][]*incident.Signal{}
	byWhy := map[why][]failure{}
	for _, f := range all {
		if f.why == cutOff {
			byCut[f.cut] = append(byCut[f.cut], f.sig)
			continue
		}
		byWhy[f.why] = append(byWhy[f.why], f)
	}
	for _, cu := range v.cuts {
		for _, run := range runs(byCut[cu], v.settings.Thresholds.Quiet) {
			v.hit(cu, run, "failed"+v.from(run))
		}
	}
	for _, w := range explained {
		for _, run := range runs(signalsOf(byWhy[w.why]), v.settings.Thresholds.Quiet) {
			if w.proven || v.recorded(run) || total(run) >= v.settings.Thresholds.PlainFailures {
				v.add(w.rule, fmt.Sprintf("%s failed%s: %s", calls(total(run)), v.from(run), w.words), run...)
			}
		}
	}
	v.expired = slices.Concat(byWhy[pastExpiration], byWhy[saidExpired], byWhy[nothing])
	v.unexplained(byWhy[nothing], byWhy[diedEarly])
}

// recorded reports whether AWS itself recorded the last of the failures, and
// the subject did not get its session soon after: AWS's word needs no
// repetition, but a retry that succeeds is no incident.
func (v *view) recorded(list []*incident.Signal) bool {
	last := list[len(list)-1]
	return last.Feed == incident.FromTrail && !v.allowedSoon(last)
}

// explained lists what explains a failure by itself. Where lineage proves it
// one failure is enough; a client's word alone must be said several times.
var explained = []struct {
	why    why
	rule   Rule
	words  string
	proven bool
}{
	{pastExpiration, "expired_by_lineage", "the key had expired", true},
	{saidExpired, "expired_by_code", "the service says that the credentials had expired", false},
	{federationOver, "federation_expired", "the token of the identity provider had expired", false},
	{skewed, "clock_skew", "the time of the signature was refused", false},
	{badSignature, "bad_signature", "the signature does not match the secret that AWS knows", false},
	{badFederation, "bad_federation_token", "STS refused the contents of the identity provider's token", false},
	{noProvider, "provider_missing", "STS knows no such identity provider", false},
	{providerDown, "provider_unreachable", "STS could not reach the identity provider, or was refused by it", false},
	{otherPartition, "wrong_partition", "the credential belongs to another partition", false},
	{otherRegion, "region_not_enabled", "the same key works elsewhere, but not in this Region", false},
	{optInRegion, "opt_in_region", "the Region must be opted into, or takes version 2 tokens only", false},
	{noToken, "no_token_sent", "the request carried no session token", false},
	{tokenLeftOut, "token_missing", "the same temporary key works elsewhere at the same time, with its session token", false},
	{tooNew, "too_new", "it had been created moments before", false},
}

// attribute finds what explains one failure. What is certain comes first: the
// meaning of the code, then which came first, the key's end or a cut.
func (v *view) attribute(sig *incident.Signal) failure {
	f := failure{sig: sig, is: v.unissued}
	if is, ok := v.graph.IssuedTo(v.who, sig.Key, sig.Time); ok {
		f.is = is
	}
	if f.why = byText(sig); f.why != nothing {
		return f
	}
	if federated(sig) {
		f.why, f.cut = v.federation(sig)
		return f
	}
	cu := v.cutBefore(f)
	expired := f.is.Expired(sig.Time)
	switch {
	case expired && (cu == nil || !f.is.ExpiresAt.After(cu.sig.Time) || cu.reach != endsKeys):
		f.why = pastExpiration
	case saysExpired(sig):
		f.why = saidExpired
	case cu != nil:
		f.why, f.cut = cutOff, cu
	default:
		f.why = v.misuse(f)
	}
	return f
}

// byText reads codes and texts that leave no doubt.
func byText(sig *incident.Signal) why {
	switch {
	case sig.Reason == incident.ReasonClockSkew, sig.ErrorCode == "RequestTimeTooSkewed", sig.ErrorCode == "RequestExpired":
		return skewed
	case sig.ErrorCode == "SignatureDoesNotMatch", sig.ErrorCode == "InvalidSignatureException", sig.ErrorCode == "IncompleteSignature":
		return badSignature
	case sig.Reason == incident.ReasonRegionNotEnabled:
		return optInRegion
	}
	return nothing
}

func saysExpired(sig *incident.Signal) bool {
	switch sig.ErrorCode {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return true
	}
	return sig.Reason == incident.ReasonExpired
}

// federated reports whether the refused credential was an identity provider's
// token rather than a key of AWS.
func federated(sig *incident.Signal) bool {
	if strings.HasPrefix(sig.Operation, "sts:AssumeRoleWith") {
		return true
	}
	switch sig.ErrorCode {
	case "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError":
		return true
	}
	return sig.Reason == incident.ReasonProviderMissing
}

func (v *view) federation(sig *incident.Signal) (why, *cut) {
	if cu := v.providerCut(sig); cu != nil && !saysExpired(sig) {
		return cutOff, cu
	}
	switch {
	case saysExpired(sig):
		return federationOver, nil
	case sig.Reason == incident.ReasonProviderMissing:
		return noProvider, nil
	case sig.Reason == incident.ReasonProviderDown, sig.ErrorCode == "IDPCommunicationError", sig.ErrorCode == "IDPRejectedClaim":
		return providerDown, nil
	}
	return badFederation, nil
}

// providerCut is the removal or change of the identity provider that a failed
// federation relied on, if it was not put back since.
func (v *view) providerCut(sig *incident.Signal) *cut {
	host := ""
	switch {
	case sig.Issued != nil && sig.Issued.Provider != "":
		host = lineage.ProviderHost(sig.Issued.Provider)
	case sig.Resource != "":
		host = lineage.ProviderHost(sig.Resource)
	default:
		host = v.usualProvider(sig.Time)
	}
	var found *incident.Signal
	for _, change := range v.providers[host] {
		if change.Time.After(sig.Time) || !v.seen(change) || host == "" {
			break
		}
		found = change
	}
	if found == nil || found.Kind == incident.ProviderCreated {
		return nil
	}
	for _, cu := range v.cuts {
		if cu.sig == found {
			return cu
		}
	}
	cu := providerCut(found)
	pv := v.see(v.find(v.graph.Subject(found)), v.end)
	cu.expl = pv.explain(found)
	v.cuts = append(v.cuts, cu)
	slices.SortStableFunc(v.cuts, func(a, b *cut) int { return compareSignals(a.sig, b.sig) })
	if !cu.expl.explains() {
		pv.judgeCut(cu)
		v.items = append(v.items, pv.items...)
	}
	v.told[found] = true
	return cu
}

// usualProvider is the provider that the subject's sessions came through.
func (v *view) usualProvider(t time.Time) string {
	host := ""
	for _, is := range v.issued {
		if is.Provider != "" && !is.IssuedAt.After(t) {
			host = lineage.ProviderHost(is.Provider)
		}
	}
	if host != "" {
		return host
	}
	for _, sig := range v.changes {
		if sig.Trust == nil || sig.Time.After(t) {
			continue
		}
		for _, st := range sig.Trust.Statements {
			for _, pr := range st.Principals {
				if pr.Type == "Federated" {
					host = lineage.ProviderHost(pr.Value)
				}
			}
		}
	}
	return host
}

// cutBefore is the cut that a failure is a consequence of. A key or identity
// that is gone stays gone; what only denies calls is believed for an hour, as
// it should not make a key invalid at all.
func (v *view) cutBefore(f failure) *cut {
	for n := len(v.cuts) - 1; n >= 0; n-- {
		cu := v.cuts[n]
		since := f.sig.Time.Sub(cu.sig.Time)
		if since < 0 || v.mendedSince(cu, f.sig.Time) {
			continue
		}
		switch cu.reach {
		case endsKeys:
			if v.ends(cu, f) {
				return cu
			}
		case deniesCalls:
			if since <= v.settings.Thresholds.Correlation && cu.affects(f.is.IssuedAt, f.is.Name, "") {
				return cu
			}
		case deniesAssume:
			if since <= v.settings.Thresholds.Correlation && cu.sig.Kind == incident.TrustChanged && f.is.IssuedAt.Before(cu.sig.Time) {
				return cu
			}
		}
	}
	return nil
}

// ends reports whether a cut ended the key that failed.
func (v *view) ends(cu *cut, f failure) bool {
	switch {
	case cu.key != "":
		return f.sig.Key == cu.key || f.sig.Key == "" && v.onlyKey(cu)
	case !f.is.IssuedAt.IsZero() && f.is.IssuedAt.After(cu.sig.Time):
		return false // issued after the identity had been created again
	case cu.sig.Kind == incident.UserDeleted && f.is.Operation == "sts:GetFederationToken":
		return false // survives its user (aws-facts 6.1)
	}
	return true
}

// onlyKey reports whether a failure that names no key must be about this one:
// no other key of the user is known to be in use after it.
func (v *view) onlyKey(cu *cut) bool {
	for _, u := range v.uses {
		if u.AccessKeyID != cu.key && v.lastOf(u).After(cu.sig.Time) {
			return false
		}
	}
	return true
}

// mendedSince reports whether what was cut works again: the key was switched
// on, or the identity created anew.
func (v *view) mendedSince(cu *cut, t time.Time) bool {
	for _, sig := range after(v.changes, cu.sig.Time) {
		if sig.Time.After(t) {
			break
		}
		switch sig.Kind {
		case incident.KeyStatusChanged:
			if cu.key != "" && sig.Key == cu.key && sig.KeyStatus == "Active" {
				return true
			}
		case incident.RoleCreated, incident.UserCreated:
			if cu.sig.Kind == incident.RoleDeleted || cu.sig.Kind == incident.UserDeleted {
				return true
			}
		}
	}
	return false
}

// misuse finds what is wrong with how a key that should work was used, or says
// that nothing explains the failure.
func (v *view) misuse(f failure) why {
	sig := f.sig
	temporary := strings.HasPrefix(sig.Key, "ASIA")
	works := v.worksAround(sig)
	switch {
	case v.otherPartition(sig):
		return otherPartition
	case sig.ErrorCode == "MissingAuthenticationToken" || sig.Reason == incident.ReasonNoToken:
		return noToken
	case works && optIn(sig.Region) && !v.worksIn(sig, sig.Region):
		return otherRegion
	case works && temporary:
		return tokenLeftOut
	case optIn(sig.Region) && v.homeElsewhere(sig):
		return optInRegion
	case works:
		return alive
	case v.young(sig):
		return tooNew
	case f.is.Live(sig.Time):
		return diedEarly
	}
	return nothing
}

// worksAround reports whether the key that failed was used with success
// afterwards: then it was not dead.
func (v *view) worksAround(sig *incident.Signal) bool {
	for _, u := range v.usesWith(sig.Key) {
		if v.lastOf(u).After(sig.Time) {
			return true
		}
	}
	return false
}

func (v *view) worksIn(sig *incident.Signal, region string) bool {
	return slices.ContainsFunc(v.usesWith(sig.Key), func(u *incident.Use) bool { return u.Region == region })
}

// homeElsewhere reports whether the subject is at work, but never in the Region
// of the failure.
func (v *view) homeElsewhere(sig *incident.Signal) bool {
	return len(v.uses) == 0 || !slices.ContainsFunc(v.uses, func(u *incident.Use) bool { return u.Region == sig.Region })
}

// otherPartition reports whether the credential belongs to another partition
// than the Region that refused it.
func (v *view) otherPartition(sig *incident.Signal) bool {
	called := lineage.PartitionOf(sig.Region)
	for _, of := range []string{sig.Target.Partition, v.who.Partition} {
		if called != "" && of != "" && of != called && v.who.Type != incident.Workload && v.who.Type != incident.AccessKey {
			return true
		}
	}
	return false
}

// optIn reports whether a Region must be enabled by the account before use.
// Regions since March 2019 must; these are the older ones and their kin that
// need not.
func optIn(region string) bool {
	if lineage.PartitionOf(region) != "aws" {
		return false
	}
	switch region {
	case "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
		"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1",
		"ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2":
		return false
	}
	return true
}

// rhythm looks for a refresh bug: failures of temporary, federated or unknown
// credentials that recur at an interval, with signs of life in between.
func (v *view) rhythm(all []failure) {
	if v.beganWithCut(all[0].sig) {
		return
	}
	groups := map[string][]*incident.Signal{}
	for _, f := range all {
		if !refreshable(f) {
			continue
		}
		groups[""] = append(groups[""], f.sig)
		if w := f.sig.Workload; w != "" {
			groups[w] = append(groups[w], f.sig)
		}
	}
	whole := groups[""]
	if len(whole) == 0 || v.beats(whole) {
		return
	}
	delete(groups, "")
	for _, name := range sortedKeys(groups) {
		if len(groups[name]) < len(whole) { // otherwise it is the same list
			v.beats(groups[name])
		}
	}
}

// refreshable reports whether a failure can be the beat of a broken refresh.
func refreshable(f failure) bool {
	if strings.HasPrefix(f.sig.Key, "AKIA") {
		return false
	}
	switch f.why {
	case nothing, pastExpiration, saidExpired, federationOver, alive:
		return true
	}
	return false
}

func (v *view) beats(list []*incident.Signal) bool {
	all := interval.Merge(times(list))
	r, ok := interval.FindIn(all, interval.Options{MinBeats: v.settings.Thresholds.RefreshBeats, Seen: v.lifetimes()})
	if !ok || r.Period < minPeriod && r.Lifetime == 0 || !v.livesBetween(r, list) || !dominant(r, len(all)) {
		return false
	}
	rule := Rule("refresh_rhythm")
	words := ""
	if r.Lifetime > 0 {
		rule, words = "refresh_rhythm_lifetime", ", a lifetime of credentials ("+span(r.Lifetime)+")"
	}
	on := slices.DeleteFunc(slices.Clone(list), func(s *incident.Signal) bool { return !interval.OnBeat(r, s.Time) })
	if len(on) == 0 {
		return false
	}
	if r.Lifetime == 0 && v.renewedLate(on) {
		rule, words = "refresh_rhythm_lifetime", ", each time just after the credentials had expired"
	}
	v.rhythms = append(v.rhythms, r)
	v.add(rule, fmt.Sprintf("failures%s recur every %s%s: %d times so far", v.from(on), span(r.Period), words, r.Beats), on...)
	return true
}

// renewedLate reports whether most beats are the first calls after a session's
// known end. Short sessions that are only replaced when a call has failed keep a
// beat that is noticeably longer than their lifetime.
func (v *view) renewedLate(beats []*incident.Signal) bool {
	late := 0
	for _, sig := range beats {
		if is, ok := v.graph.IssuedTo(v.who, sig.Key, sig.Time); ok && is.Expired(sig.Time) && sig.Time.Sub(is.ExpiresAt) <= justExpired {
			late++
		}
	}
	return 2*late > len(beats)
}

// justExpired is how long after its expiration a session has just expired
// (aws-facts 13).
const justExpired = 5 * time.Minute

// minPeriod is the shortest rhythm that is no mere retrying: two thirds of the
// shortest lifetime that AWS hands out.
const minPeriod = 10 * time.Minute

// beganWithCut reports whether the failures began within the hour after somebody
// known had cut the subject off: then they are stragglers, however regular.
func (v *view) beganWithCut(first *incident.Signal) bool {
	return slices.ContainsFunc(v.cuts, func(cu *cut) bool {
		since := first.Time.Sub(cu.sig.Time)
		return cu.reach != deniesAssume && cu.key == "" && cu.expl.explains() && since >= 0 && since <= v.settings.Thresholds.Correlation
	})
}

// dominant reports whether the rhythm accounts for most of what fails: in a
// stream of many random failures some always keep a beat. A third of noise is
// allowed for, or two thirds where the period is a lifetime.
func dominant(r interval.Rhythm, beats int) bool {
	share := float64(r.Beats) / float64(beats)
	return share >= 0.6 || r.Lifetime > 0 && share >= 0.35
}

// lifetimes are the lifetimes of the subject's known sessions.
func (v *view) lifetimes() []time.Duration {
	var out []time.Duration
	for _, is := range v.issued {
		if d := is.ExpiresAt.Sub(is.IssuedAt).Round(time.Second); !is.ExpiresAt.IsZero() && d > 0 && !slices.Contains(out, d) && len(out) < 8 {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}

// livesBetween reports whether the credential worked, or was renewed, between
// the beats; where nothing of the subject can be seen at all, it is believed. A
// dead credential that is polled fails regularly too.
func (v *view) livesBetween(r interval.Rhythm, list []*incident.Signal) bool {
	from, to := list[0].Time, list[len(list)-1].Time
	if len(v.issued) == 0 && len(v.uses) == 0 {
		return true
	}
	for _, is := range v.issued {
		if is.IssuedAt.After(from) && is.IssuedAt.Before(to) {
			return true
		}
	}
	for _, u := range v.uses {
		if v.lastOf(u).After(from) && u.First.Before(to) {
			return true
		}
	}
	return false
}

// unexplained judges failures that nothing known explains: a spike over the
// key's own history needs a person, and so does a key that died early.
func (v *view) unexplained(plain, early []failure) {
	list := signalsOf(plain)
	if len(v.rhythms) > 0 {
		list = slices.DeleteFunc(list, func(s *incident.Signal) bool { return v.onBeat(s.Time) })
	}
	for _, run := range runs(signalsOf(early), v.settings.Thresholds.Quiet) {
		is, _ := v.graph.IssuedTo(v.who, run[0].Key, run[0].Time) // there is one that was live
		v.add("died_early", fmt.Sprintf("%s failed with key %s, which was good until %s", calls(total(run)), run[0].Key, clock(is.ExpiresAt)), run...)
	}
	for _, sp := range v.spikes(list) {
		in := sp.signals
		v.add("failure_spike", fmt.Sprintf("%s failed%s within %s, where %.1f were to be expected", calls(total(in)), v.from(in), span(in[len(in)-1].Time.Sub(in[0].Time)), sp.expected), in...)
		v.foreignKeys(in)
	}
}

// spike is signals that came at once, and how many of their time the subject's
// own history lets expect.
type spike struct {
	signals  []*incident.Signal
	expected float64
}

// spikes finds the spikes in what failed or was denied; it orders the list.
func (v *view) spikes(list []*incident.Signal) []spike {
	slices.SortFunc(list, compareSignals)
	counts := make([]interval.Counted, len(list))
	for n, sig := range list {
		counts[n] = interval.Counted{Time: sig.Time, N: max(1, sig.Count)}
	}
	var out []spike
	for _, sp := range interval.Spikes(counts, interval.SpikeOptions{Floor: v.settings.Thresholds.SpikeFloor}) {
		in := slices.DeleteFunc(slices.Clone(list), func(s *incident.Signal) bool { return s.Time.Before(sp.Start) || s.Time.After(sp.End) })
		if len(in) > 0 {
			out = append(out, spike{in, sp.Expected})
		}
	}
	return out
}

// foreignKeys notes keys whose id belongs to another account than the one that
// reported the failure.
func (v *view) foreignKeys(list []*incident.Signal) {
	for _, sig := range list {
		if account, ok := lineage.AccountOfKey(sig.Key); ok && sig.Account != "" && account != sig.Account && !slices.Contains(v.settings.Accounts, account) {
			v.add("foreign_key", "key "+sig.Key+" belongs to account "+account, sig)
			return
		}
	}
}

func (v *view) onBeat(t time.Time) bool {
	return slices.ContainsFunc(v.rhythms, func(r interval.Rhythm) bool { return interval.OnBeat(r, t) })
}

// from names the error codes and the workloads of a list of failures.
func (v *view) from(list []*incident.Signal) string {
	codes, workloads := map[string]bool{}, map[string]bool{}
	for _, sig := range list {
		codes[sig.ErrorCode] = true
		workloads[sig.Workload] = true
	}
	delete(codes, "")
	delete(workloads, "")
	out := ""
	if names := sortedKeys(codes); len(names) > 0 {
		out += " with " + strings.Join(names, ", ")
	}
	if names := sortedKeys(workloads); len(names) > 0 {
		out += " in " + some(names)
	}
	return out
}

// maxInSentence is how many workloads a sentence names.
const maxInSentence = 3

// some names the first of many.
func some(names []string) string {
	if more := len(names) - maxInSentence; more > 0 {
		return strings.Join(names[:maxInSentence], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}

func signalsOf(list []failure) []*incident.Signal {
	out := make([]*incident.Signal, len(list))
	for n, f := range list {
		out[n] = f.sig
	}
	return out
}
