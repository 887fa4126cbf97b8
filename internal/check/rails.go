package check

import "github.com/trailverdict/trailverdict/internal/incident"

// Rail is a guard rail as the documentation describes it.
type Rail struct {
	Kind incident.CheckKind
	// Key of the part checks of the configuration, and whether it is on without
	// one.
	Key string
	On  bool
	// Title is what lies beyond it, Why why it is there.
	Title, Why string
	// Reads says which calls tell, Quiet what is near and not told, and Blind what
	// cannot be seen.
	Reads, Quiet, Blind string
}

// Rails lists the guard rails.
func Rails() []Rail {
	return []Rail{
		{
			Kind: incident.SessionDuration, Key: "max_session", On: true,
			Title: "A role's sessions may last longer than the limit",
			Why:   "A longer session is the quick cure for an expired token, and what a thief gets out of one lasts as long. Changing the role back ends no session that runs.",
			Reads: "`UpdateRole` and `CreateRole` with a `maxSessionDuration` above the limit, 4 h unless you set another.",
			Quiet: "A change of a role's description; a duration up to the limit.",
			Blind: "How long sessions might last before, which the event does not say; roles that were made so before anybody looked.",
		},
		{
			Kind: incident.OIDCSubject, Key: "oidc_subject", On: true,
			Title: "A role is opened by any token of an OIDC provider",
			Why:   "Without a condition on the subject, every repository, project or namespace that the provider serves may assume the role, those of strangers too.",
			Reads: "`CreateRole` and `UpdateAssumeRolePolicy` whose trust policy lets a provider in without a condition on the subject, with one that a token without a subject passes, or with one on the person who started the job alone.",
			Quiet: "A condition on one repository or branch. What makes a finding, such as `trust_opened`, is told as that and not a second time in the report.",
			Blind: "Whether a provider hands out subjects that others can choose.",
		},
		{
			Kind: incident.StaticKeys, Key: "static_credentials",
			Title: "An access key is in the environment of a function or task",
			Why:   "Whoever may describe the function or the task definition reads the key, and every revision keeps it. Functions and tasks have roles.",
			Reads: "`RegisterTaskDefinition`, `CreateFunction` and `UpdateFunctionConfiguration` with a variable whose value is an access key's id, or that is named as a secret access key and has the form of one. The id and the variables' names are kept, no secret.",
			Quiet: "What is taken from Secrets Manager or Parameter Store; stand-ins such as `test`.",
			Blind: "Lambda's variables: AWS says that CloudTrail leaves them out, so that of functions only a record that has them after all is told. Keys in images, files and other forms of configuration. See [limits](limits.md#guard-rails).",
		},
		{
			Kind: incident.CIKeys, Key: "ci_users",
			Title: "A pipeline gets a long-lived key",
			Why:   "Such a key lies in the settings of the CI system until it leaks, and works from anywhere. A role that is assumed with the pipeline's OIDC token leaves nothing to steal.",
			Reads: "`CreateAccessKey` for a user whose name is among `ci_users`; `trailverdict checks --all` takes usual names of pipelines where there are none.",
			Quiet: "Keys of other users.",
			Blind: "What a user is for, if its name does not say so.",
		},
	}
}
