package lineage

import (
	"net/netip"
	"strings"
)

// internal is what CloudTrail writes as the source address, and as the user
// agent, of calls that the console and other parts of AWS make for somebody.
const internal = "AWS Internal"

// serviceDomains are the domains of the services' own host names, in every
// partition.
var serviceDomains = [...]string{
	".amazonaws.com",
	".amazonaws.com.cn",
	".amazonaws.eu",
	".c2s.ic.gov",
	".sc2s.sgov.gov",
}

// carrierGrade is the address space that carriers, and VPCs that ran out of
// private addresses, use inside (RFC 6598).
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// Network names the network that a source address belongs to, so that somebody
// who moves within it stays the same: the /24 of an IPv4 address, the /48 of an
// IPv6 address. A service's host name and "AWS Internal" stand for themselves.
// Anything else has no network, and the result is empty.
//
// Private, reserved and documentation ranges are addresses like any other.
func Network(source string) string {
	addr, ok := address(source)
	if !ok {
		return namedSource(source)
	}
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// InsideAWS reports whether a call from source came by a way that is open only
// to AWS or to somebody inside a VPC: a service, the console's back end, or an
// address that is not routed on the internet, as a VPC endpoint sees it.
func InsideAWS(source string) bool {
	addr, ok := address(source)
	if !ok {
		return namedSource(source) != ""
	}
	return addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsLoopback() || carrierGrade.Contains(addr)
}

// address parses an IP address, and makes an IPv4 address of one that is
// mapped into IPv6.
func address(source string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSpace(source))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

// namedSource is the usual spelling of a source that is a name, or empty.
func namedSource(source string) string {
	source = strings.TrimSpace(source)
	if strings.EqualFold(source, internal) {
		return internal
	}
	if host := strings.ToLower(source); serviceHost(host) {
		return host
	}
	return ""
}

// serviceHost reports whether name is an AWS service's host name, such as
// ec2.amazonaws.com.
func serviceHost(name string) bool {
	for _, domain := range serviceDomains {
		if len(name) > len(domain) && strings.HasSuffix(name, domain) {
			return !strings.ContainsAny(name, " /\t")
		}
	}
	return false
}
