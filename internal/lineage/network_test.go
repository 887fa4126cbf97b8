package lineage

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestNetwork(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"an IPv4 address belongs to its /24", "198.51.100.77", "198.51.100.0/24"},
		{"a neighbour belongs to the same", "198.51.100.8", "198.51.100.0/24"},
		{"an IPv6 address belongs to its /48", "2001:db8:12:34::9", "2001:db8:12::/48"},
		{"an IPv4 address mapped into IPv6 is IPv4", "::ffff:198.51.100.77", "198.51.100.0/24"},
		{"a zone is no part of the network", "fe80::1%eth0", "fe80::/48"},
		{"a private address is an address like any other", "10.1.2.3", "10.1.2.0/24"},
		{"a service stands for itself", "ec2.amazonaws.com", "ec2.amazonaws.com"},
		{"a service is spelled in lower case", "CloudFormation.AmazonAWS.com", "cloudformation.amazonaws.com"},
		{"a service of the partition in China", "ec2.amazonaws.com.cn", "ec2.amazonaws.com.cn"},
		{"the console's back end stands for itself", "AWS Internal", "AWS Internal"},
		{"space around an address does not matter", " 198.51.100.77 ", "198.51.100.0/24"},
		{"a masked address has no network", "203.0.113.xxx", ""},
		{"an address with leading zeros is not one", "198.051.100.7", ""},
		{"a foreign host has no network", "host.example.com", ""},
		{"the domain alone is no service", ".amazonaws.com", ""},
		{"text that ends like a service is none", "see ec2.amazonaws.com", ""},
		{"nothing has no network", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Network(tt.source); got != tt.want {
				t.Errorf("Network(%q) = %q, want %q", tt.source, got, tt.want)
			}
		})
	}
}

func TestInsideAWS(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   bool
	}{
		{"lambda.amazonaws.com", true},
		{"lambda.amazonaws.com.cn", true},
		{"AWS Internal", true},
		{"10.0.0.9", true},
		{"172.31.255.1", true},
		{"192.168.0.4", true},
		{"100.64.3.2", true},
		{"169.254.170.2", true},
		{"fd00:ec2::254", true},
		{"::ffff:10.0.0.9", true},
		{"198.51.100.77", false},
		{"203.0.113.1", false},
		{"2001:db8::1", false},
		{"100.128.0.1", false},
		{"0.0.0.0", false},
		{"amazonaws.com.example.org", false},
		{"", false},
	} {
		if got := InsideAWS(tt.source); got != tt.want {
			t.Errorf("InsideAWS(%q) = %t, want %t", tt.source, got, tt.want)
		}
	}
}

func TestANetworkHoldsItsAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := rapid.OneOf(
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 4, 4), addrOf),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), addrOf),
		).Draw(t, "address")
		network := Network(addr.String())
		prefix, err := netip.ParsePrefix(network)
		if err != nil || !prefix.Contains(addr.Unmap()) {
			t.Fatalf("Network(%s) = %q, which does not hold it", addr, network)
		}
		if again := Network(prefix.Addr().String()); again != network {
			t.Fatalf("the network of %s is %q, not %q", prefix.Addr(), again, network)
		}
	})
}

func addrOf(b []byte) netip.Addr {
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

func FuzzNetwork(f *testing.F) {
	for _, seed := range []string{"198.51.100.77", "2001:db8::1%0", "::ffff:10.0.0.1", "ec2.amazonaws.com", "AWS Internal", "08.1.250.216", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		network := Network(source)
		if InsideAWS(source) && network == "" {
			t.Errorf("%q is inside AWS but has no network", source)
		}
	})
}
