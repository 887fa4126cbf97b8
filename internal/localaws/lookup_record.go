package localaws

import (
	"strings"
	"time"
)

// record is a CloudTrail record, as far as the event history reads it.
type record struct {
	EventID           string         `json:"eventID"`
	EventTime         time.Time      `json:"eventTime"`
	EventName         string         `json:"eventName"`
	EventSource       string         `json:"eventSource"`
	AWSRegion         string         `json:"awsRegion"`
	EventCategory     string         `json:"eventCategory"`
	ManagementEvent   *bool          `json:"managementEvent"`
	ReadOnly          *bool          `json:"readOnly"`
	RequestParameters map[string]any `json:"requestParameters"`
	ResponseElements  map[string]any `json:"responseElements"`
	UserIdentity      struct {
		Type        string `json:"type"`
		UserName    string `json:"userName"`
		PrincipalID string `json:"principalId"`
		AccessKeyID string `json:"accessKeyId"`
	} `json:"userIdentity"`
}

func (r record) isData() bool {
	return r.EventCategory != "" && r.EventCategory != "Management" || r.ManagementEvent != nil && !*r.ManagementEvent
}

func (r record) historic(text string) historic {
	readOnly := "false"
	if r.ReadOnly != nil && *r.ReadOnly {
		readOnly = "true"
	}
	return historic{
		ID: r.EventID, Name: r.EventName, Source: r.EventSource, Username: r.username(), AccessKeyID: r.UserIdentity.AccessKeyID,
		ReadOnly: readOnly, Time: r.EventTime.UTC(), Resources: r.resources(), Record: text,
	}
}

// username is the caller's name; a role's session goes by its own. AWS services
// have none.
func (r record) username() string {
	id := r.UserIdentity
	switch {
	case id.UserName != "":
		return id.UserName
	case id.Type == "Root":
		return "root"
	}
	_, session, _ := strings.Cut(id.PrincipalID, ":")
	return session
}

// resources are the things that a call is listed under: what it names and what
// it made, with a session in all its names.
func (r record) resources() []resource {
	list := []resource{}
	for _, f := range resourceFields {
		from := r.RequestParameters
		if f.response {
			from = r.ResponseElements
		}
		if name := text(from, f.path...); name != "" {
			list = append(list, resource{f.kind, name})
		}
	}
	return list
}

// resourceFields are where a record of STS, IAM or CloudTrail names a resource.
var resourceFields = []struct {
	kind     string
	response bool
	path     []string
}{
	{"AWS::IAM::AccessKey", true, []string{"credentials", "accessKeyId"}},
	{"AWS::STS::AssumedRole", false, []string{"roleSessionName"}},
	{"AWS::STS::AssumedRole", true, []string{"assumedRoleUser", "assumedRoleId"}},
	{"AWS::STS::AssumedRole", true, []string{"assumedRoleUser", "arn"}},
	{"AWS::STS::FederatedUser", true, []string{"federatedUser", "arn"}},
	{"AWS::IAM::Role", false, []string{"roleArn"}},
	{"AWS::IAM::Role", false, []string{"roleName"}},
	{"AWS::IAM::Role", true, []string{"role", "arn"}},
	{"AWS::IAM::User", false, []string{"userName"}},
	{"AWS::IAM::User", true, []string{"user", "arn"}},
	{"AWS::IAM::AccessKey", false, []string{"accessKeyId"}},
	{"AWS::IAM::AccessKey", true, []string{"accessKey", "accessKeyId"}},
	{"AWS::IAM::Policy", false, []string{"policyName"}},
	{"AWS::IAM::Policy", false, []string{"policyArn"}},
	{"AWS::IAM::InstanceProfile", false, []string{"instanceProfileName"}},
	{"AWS::CloudTrail::Trail", false, []string{"name"}},
}

func text(v map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		v, _ = v[name].(map[string]any)
	}
	s, _ := v[path[len(path)-1]].(string)
	return s
}
