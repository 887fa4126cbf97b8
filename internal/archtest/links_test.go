package archtest

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// A function links the services that it calls and nothing that a cold start
// would pay for in vain.
func TestFunctionsLinkWhatTheyCall(t *testing.T) {
	for function, services := range map[string][]string{
		"detect": nil, // DynamoDB is called without the SDK's client
		"intake": {"sqs"},
		"notify": {"sns"},
		"settle": {"cloudtrail"},
		"report": {"s3", "sns"},
	} {
		out, err := exec.Command("go", "list", "-deps", "-tags", localaws.BuildTags, module+"/functions/"+function).Output()
		if err != nil {
			t.Fatalf("list what %s links: %v", function, err)
		}
		deps := strings.Fields(string(out))
		if len(deps) < 100 {
			t.Fatalf("%s links %d packages, which cannot be all", function, len(deps))
		}
		if got := linked(deps); !slices.Equal(got, services) {
			t.Errorf("%s links the SDK's services %v, want %v", function, got, services)
		}
		for _, no := range []string{"github.com/goccy/go-yaml", module + "/internal/config/file", "github.com/aws/aws-sdk-go-v2/config", "net/rpc"} {
			if slices.Contains(deps, no) {
				t.Errorf("%s links %s", function, no)
			}
		}
		if services == nil && slices.Contains(deps, "regexp") { // which the SDK's clients need
			t.Errorf("%s links regular expressions, with all tables of Unicode", function)
		}
	}
}

// linked are the SDK's services among packages.
func linked(deps []string) (services []string) {
	for _, dep := range deps {
		var name string
		if n, _ := fmt.Sscanf(dep, "github.com/aws/aws-sdk-go-v2/service/%s", &name); n == 1 && !strings.Contains(name, "/") {
			services = append(services, name)
		}
	}
	return services
}
