package explain

import "github.com/trailverdict/trailverdict/internal/incident"

// A topic is a kind of error and what is known about it.
type topic struct {
	id string
	// texts are what it says, in lower case, with … where anything may stand.
	// Without one that fits, codes, and reasons if there are any, decide.
	texts   []string
	codes   []string
	reasons []incident.Reason
	// federated topics are about calls that present a token from outside AWS.
	federated bool

	title   string
	verdict incident.Verdict
	cause   incident.Cause
	sure    Sure
	why     string
	checks  []Check
	myth    string
	remedy  remedy
	source  string
}

// Checks that several topics have in common.
var (
	whoAmI      = Check{"aws sts get-caller-identity", "no policy can deny it: if it answers, the credentials are valid and the trouble is a permission; if it fails, it is the credential"}
	whichSource = Check{"aws configure list", "the column Type says where each credential comes from; a forgotten AWS_ACCESS_KEY_ID goes before profiles and roles"}
	askHistory  = Check{"trailverdict investigate --access-key KEY", "who issued it, when it ends, and who cut it off; it reads CloudTrail with credentials that work"}
	theClock    = Check{"date -u; curl -sI https://sts.amazonaws.com | grep -i ^date", "more than 5 minutes apart is too much for most services, more than 15 for S3"}
	whoseKey    = Check{"aws sts get-access-key-info --access-key-id KEY", "the account that the key belongs to, even if it was deleted; another one means the wrong profile"}
	theTrust    = Check{"aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument", "NoSuchEntity: the role is gone. A bare AROA… or AIDA… as principal: whom it trusted was deleted, and one of the same name is another"}
	providers   = Check{"aws iam list-open-id-connect-providers", "the issuer's host must be there, in the account of the role, exactly as in the token's iss"}
)

// topics are looked at in their order; the first that fits decides. The codes
// are those of the contract's ruling 10; each row's source says where its facts
// come from.
var topics = []topic{
	// What SDKs say before anything is asked of AWS.
	{
		id:    "partial-credentials",
		texts: []string{"partial credentials found"},
		title: "half of a credential is configured", verdict: incident.Misconfiguration, cause: incident.MalformedCredentials, sure: Certain,
		why:    "The access key id was found without its secret, so nothing can be signed.",
		checks: []Check{whichSource}, remedy: replace, source: "botocore, PartialCredentialsError",
	},
	{
		id:    "profile-missing",
		texts: []string{"the config profile…could not be found", "failed to get shared config profile", "profile not found", "could not resolve credentials using profile"},
		title: "the profile does not exist here", verdict: incident.Misconfiguration, sure: Certain,
		why:    "AWS_PROFILE or --profile names a profile that this user's configuration does not have.",
		checks: []Check{{"aws configure list-profiles", "the profiles that exist; HOME may be another's under sudo, cron or a container"}},
		remedy: find, source: "botocore, ProfileNotFound",
	},
	{
		id:    "sso-no-access",
		texts: []string{"getrolecredentials…no access", "forbiddenexception…no access"},
		title: "the person is no longer assigned to this account or permission set", verdict: incident.Misconfiguration, cause: incident.ImplicitDeny, sure: Likely,
		why: "Identity Center knows who signed in, and answers that there is no such assignment.",
		checks: []Check{
			{"The access portal's start page", "it lists the accounts and permission sets that are assigned to the person"},
			{"grep -A6 sso_ ~/.aws/config", "sso_account_id and sso_role_name must be as assigned, in the same spelling"},
		},
		remedy: renew, source: "Identity Center portal API, GetRoleCredentials",
	},
	{
		id: "sso-token",
		texts: []string{
			"sso session associated with this profile", "error loading sso token", "token has expired and refresh failed", "refresh cached sso token failed",
			"to refresh this sso session run", "error when retrieving token from sso", "sso token…expired", "the sso session has expired", "session token not found or invalid", "invalidgrantexception",
		},
		title: "the sign-in at Identity Center ran out", verdict: incident.Expiry, cause: incident.TokenExpired, sure: Certain,
		why: "The token in ~/.aws/sso/cache is past its end, or was never fetched. This is about the sign-in, not about a key: AWS was not asked.",
		checks: []Check{
			{"aws sts get-caller-identity --profile PROFILE", "fails with the same text: sign in; answers: another profile is in use"},
			{"ls -l ~/.aws/sso/cache", "no file of today: nobody signed in as this user"},
		},
		myth:   "Ending a person's portal session does not end the role sessions that were issued from it: they live until they expire.",
		remedy: renew, source: "botocore, SSOTokenLoadError and UnauthorizedSSOTokenError; aws-facts 2.2",
	},
	{
		id:    "mfa",
		texts: []string{"mfa token required", "invalid mfa one time pass code", "unable to validate mfa code"},
		title: "the role asks for a second factor that nobody gave", verdict: incident.Misconfiguration, sure: Certain,
		why:    "Credentials that need a one-time code cannot be renewed by a program that runs alone. A code is good once.",
		checks: []Check{{"grep -B4 mfa_serial ~/.aws/config", "the profile whose role asks for a code"}, theClock},
		remedy: renew, source: "botocore, RefreshWithMFAUnsupportedError",
	},
	{
		id: "imds",
		texts: []string{
			"no ec2 imds role found", "169.254.169.254", "ec2metadata", "imds…timeout", "instance metadata…timed out", "unable to fetch credentials from imds",
			"failed to load credentials from imds", "instanceprofilecredentials", "ec2rolerequesterror", "unable to contact ec2 metadata",
		},
		title: "the instance's metadata service gave no credentials", verdict: incident.Misconfiguration, sure: Likely,
		why: "The SDK came to the end of its list and asked the instance. It has no role, the service is switched off, a proxy stands between, or the answer does not reach a container: IMDSv2's hop limit of 1 ends at the host.",
		checks: []Check{
			{`T=$(curl -sX PUT http://169.254.169.254/latest/api/token -H X-aws-ec2-metadata-token-ttl-seconds:60); curl -sH X-aws-ec2-metadata-token:$T http://169.254.169.254/latest/meta-data/iam/security-credentials/`, "a role's name: all is well here; 404: no instance profile; nothing: hop limit, proxy or firewall. On no EC2 instance it must fail: then the error is that no credentials were found at all"},
			{"aws ec2 describe-instances --instance-ids INSTANCE --query 'Reservations[].Instances[].[IamInstanceProfile.Arn,MetadataOptions]'", "no profile; HttpEndpoint disabled; HttpPutResponseHopLimit 1 with containers"},
			{"env | grep -i -e proxy -e AWS_EC2_METADATA_DISABLED", "169.254.169.254 belongs into NO_PROXY"},
		},
		myth:   "It says nothing about the role's permissions: no call to AWS was made yet.",
		remedy: metadata, source: "EC2 user guide, instance metadata options; SDK reference, IMDS credential provider",
	},
	{
		id:    "container-credentials",
		texts: []string{"169.254.170.2", "169.254.170.23", "error when retrieving credentials from container-role", "container credentials…", "eks-pod-identity-token", "aws_container_credentials"},
		title: "the container's credential endpoint gave none", verdict: incident.Misconfiguration, sure: Likely,
		why: "ECS's agent, or EKS's Pod Identity agent, was asked and did not answer with credentials: no task role or association, an agent that is not there, or a role that does not trust it.",
		checks: []Check{
			{"env | grep ^AWS_CONTAINER_CREDENTIALS", "nothing: no task role, or the pod was started before the association was made"},
			{"aws ecs describe-task-definition --task-definition TASK --query taskDefinition.taskRoleArn", "null: there is an execution role at most, which the program does not get"},
			{"aws eks list-pod-identity-associations --cluster-name CLUSTER --namespace NAMESPACE", "the service account must be there; the role trusts pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession"},
		},
		remedy: metadata, source: "ECS developer guide, task IAM role; EKS user guide, Pod Identity",
	},
	{
		id:    "process-credentials",
		texts: []string{"custom-process", "credential_process", "error in credential process", "processprovider"},
		title: "the program that should give credentials failed", verdict: incident.Misconfiguration, sure: Likely,
		why:    "The profile's credential_process ended with an error, or wrote something else than the JSON that SDKs expect.",
		checks: []Check{{"grep -A1 credential_process ~/.aws/config", "run that command by hand: it must write Version, AccessKeyId, SecretAccessKey, SessionToken and Expiration"}},
		remedy: find, source: "AWS CLI user guide, credential_process",
	},
	{
		id: "no-credentials",
		texts: []string{
			"unable to locate credentials", "nocredentialproviders", "no valid providers in chain", "could not load credentials from any providers", "unable to load credentials from any of the providers",
			"no valid credential sources", "credentialsprovidererror", "unable to load aws credentials", "missing credentials in config", "no credentials could be loaded", "credentials could not be loaded",
			"failed to resolve aws credentials", "unable to get iam security credentials", "failed to retrieve credentials", "failed to load credentials", "no credentials in the property bag", "unable to find credentials",
		},
		title: "no credentials were found", verdict: incident.Misconfiguration, sure: Certain,
		why: "The SDK looked everywhere that it looks and found nothing. AWS was not asked, so CloudTrail has nothing about it.",
		checks: []Check{
			whichSource,
			{"env | grep -o '^AWS_[A-Z_]*'", "names alone, no values: AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_… say where it would look"},
			{"id -un; ls -l ~/.aws", "cron, sudo and services run as another user with another home"},
		},
		remedy: find, source: "SDK reference, credential provider chain",
	},
	// What federated calls are answered.
	{
		id: "provider-missing", texts: []string{"no openidconnect provider found", "specified provider doesn't exist"}, reasons: []incident.Reason{incident.ReasonProviderMissing}, codes: []string{"InvalidIdentityToken"},
		title: "the identity provider is not known in the role's account", verdict: incident.Misconfiguration, cause: incident.ProviderRemoved, sure: Likely,
		why: "The token names an issuer for which the account has no provider: it was deleted, never made, made in another account, or its URL differs. If it worked before, somebody removed it.",
		checks: []Check{
			providers,
			{"trailverdict investigate --since 7d", "who deleted it, and whether that was its owner"},
		},
		remedy: federate, source: "aws-facts 1.2, 8.3, 13; configure-aws-credentials issue 280",
	},
	{
		id: "audience", texts: []string{"incorrect token audience", "does not contain the required audience"}, reasons: []incident.Reason{incident.ReasonAudience}, codes: []string{"InvalidIdentityToken"},
		title: "the token is for another audience", verdict: incident.Misconfiguration, cause: incident.MalformedCredentials, sure: Certain,
		why: "The token's aud is none of the provider's client ids. For AWS it is usually sts.amazonaws.com, in China sts.amazonaws.com.cn.",
		checks: []Check{
			{"aws iam get-open-id-connect-provider --open-id-connect-provider-arn ARN --query ClientIDList", "must hold the token's aud"},
			{"trailverdict investigate --since 7d", "somebody may have removed it"},
		},
		remedy: federate, source: "aws-facts 8.3; aws-sdk-net issue 3071",
	},
	{
		id: "provider-unreachable", texts: []string{"couldn't retrieve verification key from your identity provider"}, codes: []string{"IDPCommunicationError"}, reasons: nil,
		title: "AWS could not reach the identity provider", verdict: incident.Misconfiguration, sure: Likely,
		why: "STS fetches the provider's keys over the internet. It was down or slow, refuses AWS, or its certificate is not the expected one. A new attempt often works.",
		checks: []Check{
			{"curl -s https://ISSUER/.well-known/openid-configuration | jq .jwks_uri", "it, and the URL that it names, must answer from anywhere with a valid certificate"},
		},
		remedy: federate, source: "STS API reference, IDPCommunicationError (retryable); aws-cli issue 7194",
	},
	{
		id: "federation-expired", codes: []string{"ExpiredTokenException", "ExpiredToken"}, federated: true,
		texts: []string{"token expired: current date/time", "token must be redeemed within", "web identity token that was passed is expired", "response has expired"},
		title: "the identity token was too old when it was presented", verdict: incident.Expiry, cause: incident.FederationTokenExpired, sure: Certain,
		why: "The OIDC token or SAML answer ran out before STS saw it. No key of AWS expired. Identity tokens of CI jobs live for minutes, assertions of SAML for 5.",
		checks: []Check{
			{"The time between the job's start and its call of AWS", "longer than the token's life: ask for a token where it is used, and again for each renewal"},
			theClock,
		},
		remedy: federate, source: "aws-facts 1.2, contract ruling 7",
	},
	{
		id: "web-identity-denied", texts: []string{"not authorized to perform: sts:assumerolewithwebidentity", "not authorized to perform sts:assumerolewithwebidentity", "accessdenied…assumerolewithwebidentity", "assumerolewithwebidentity…accessdenied"},
		title: "the role does not trust this token", verdict: incident.Misconfiguration, cause: incident.ImplicitDeny, sure: Likely,
		why: "The token is valid, and the role's trust policy does not fit it: sub or aud differ (branch, environment and pull request have different subs), the wrong provider's ARN, or no such role. STS answers the same to all of them. A subject that was never seen may also be somebody trying.",
		checks: []Check{
			theTrust,
			{"The token's sub and aud, as the CI shows them", "must fit the conditions of the trust policy, letter for letter; use StringLike where there is a *"},
			{"trailverdict investigate --since 24h", "refused web identities are recorded with their subject, unlike other failed sign-ins"},
		},
		myth:   "Widening the condition to repo:ORG/* or leaving out sub lets every repository in: that is an opened trust, and a finding.",
		remedy: federate, source: "aws-facts 1.2, 3.1, 8.1, 13",
	},
	{
		id: "identity-token", codes: []string{"InvalidIdentityToken", "IDPRejectedClaim"},
		title: "the identity token was refused", verdict: incident.Misconfiguration, cause: incident.MalformedCredentials, sure: Likely,
		why: "STS could read who issued the token and does not take it: its signature, its form, or what it claims.",
		checks: []Check{
			providers,
			{"The first and last characters of the token file, not the token", "a JWT has two dots and no line break; an empty or cut file is the usual reason"},
			theClock,
		},
		remedy: federate, source: "STS API reference; aws-facts 1.2",
	},
	// Time.
	{
		id: "clock", codes: []string{"RequestTimeTooSkewed", "RequestExpired"}, reasons: nil,
		texts: []string{"signature expired: 2", "signature not yet current", "difference between the request time and the current time", "request has expired. timestamp date is"},
		title: "the clock is wrong, or the request was sent long after it was signed", verdict: incident.Misconfiguration, cause: incident.ClockSkew, sure: Certain,
		why: "A signature is good for about 5 minutes around its time (15 at S3 and EC2). The credential itself was not looked at.",
		checks: []Check{
			theClock,
			{"timedatectl | grep -i synchron; chronyc tracking", "no synchronization, or a large offset; containers and WSL have their host's clock, and virtual machines stand still when suspended"},
			{"The program's queue or retry time", "a request that waited for minutes between signing and sending expires with a right clock"},
		},
		myth:   "A wrong clock never gives InvalidClientTokenId, whatever the lists say.",
		remedy: clock, source: "aws-facts 1.2, 14; SigV4",
	},
	// Place.
	{
		id: "region", reasons: []incident.Reason{incident.ReasonRegionNotEnabled}, codes: []string{"SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"},
		texts: []string{"scoped to a valid region", "sts is not activated in this region", "regiondisabledexception", "region is disabled", "optinrequired", "not subscribed to this region", "you are not subscribed to this service"},
		title: "the Region or partition is the wrong one", verdict: incident.Misconfiguration, cause: incident.WrongPartitionOrRegion, sure: Likely,
		why: "The request was signed for another Region than it was sent to, or the Region is not switched on for the account. China and GovCloud are worlds of their own: their credentials are unknown everywhere else.",
		checks: []Check{
			{"aws configure get region; env | grep -e ^AWS_REGION -e ^AWS_DEFAULT_REGION -e ^AWS_ENDPOINT_URL", "must be the Region of the endpoint"},
			{"aws account get-region-opt-status --region-name REGION", "ENABLED or ENABLED_BY_DEFAULT"},
		},
		remedy: region, source: "aws-facts 1.2; aws-sdk-js-v3 issue 5576",
	},
	// The key and its signature.
	{
		id: "expired", codes: []string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"},
		texts: []string{"the retrieved credentials have already expired", "refreshed credentials are still expired", "credential refresh failed", "failed to refresh cached credentials", "refreshing temporary credentials failed"},
		title: "the temporary credentials ran out", verdict: incident.Expiry, cause: incident.TokenExpired, sure: Certain,
		why: "They reached their end and nothing renewed them in time. If it comes back every hour (or every 6 or 12), the program keeps them for ever: a refresh bug.",
		checks: []Check{
			{"trailverdict investigate --access-key ASIA…", "when it was issued and when it ends; a key that failed before its end was cut off, not expired"},
			{"The times of the errors", "a fixed distance, near the session's length: the code that should renew does not. As a file of one JSON object each, `trailverdict report FILE` measures it"},
			{"aws iam get-role --role-name ROLE --query Role.MaxSessionDuration", "sessions are 1 hour unless more is asked for, never longer than this; a role taken by a role's session has 1 hour at most"},
		},
		myth:   "Sessions of AssumeRole last 12 hours at most (1 hour when chained); 36 hours are for GetSessionToken and GetFederationToken alone.",
		remedy: renew, source: "aws-facts 1.2, 6.1, 13, 14",
	},
	{
		id: "session-length", texts: []string{"durationseconds exceeds", "exceeds the maxsessionduration", "session limit for roles assumed by role chaining"},
		title: "a longer session was asked for than the role gives", verdict: incident.Misconfiguration, sure: Certain,
		why:    "DurationSeconds is above the role's MaxSessionDuration, or above the hour that a role taken by a role's session gets whatever its setting.",
		checks: []Check{{"aws iam get-role --role-name ROLE --query Role.MaxSessionDuration", "ask for no more; 3600 where the caller is a role's session itself"}},
		myth:   "A session does not end because of MaxSessionDuration: that only limits what can be asked for.",
		remedy: renew, source: "aws-facts 6.1, 14",
	},
	{
		id: "no-token", codes: []string{"MissingAuthenticationToken"}, reasons: nil,
		texts: []string{"missing authentication token", "must contain either a valid (registered) aws access key id"},
		title: "the request was not signed", verdict: incident.Misconfiguration, cause: incident.SessionTokenMissing, sure: Likely,
		why: "It came without a signature that AWS could read: no credentials, a proxy that drops the Authorization header, or, at API Gateway, a path that does not exist.",
		checks: []Check{
			whichSource,
			{"The path and method, where it is API Gateway", "it answers a wrong path with the same words"},
		},
		remedy: find, source: "IAM common errors; API Gateway developer guide",
	},
	{
		id: "incomplete", codes: []string{"IncompleteSignature"}, texts: []string{"not a valid key=value pair (missing equal-sign) in authorization header", "authorization header requires"},
		title: "the Authorization header is damaged", verdict: incident.Misconfiguration, cause: incident.MalformedCredentials, sure: Likely,
		why:    "Nearly always a line break or blank at the end of the key id or secret, or a proxy that rewrites the header.",
		checks: []Check{{`printf %s "$AWS_ACCESS_KEY_ID" | wc -c; printf %s "$AWS_SECRET_ACCESS_KEY" | wc -c`, "20 and 40; anything else was pasted wrong. Nothing secret is shown"}},
		remedy: replace, source: "boto3 issue 2280",
	},
	{
		id: "signature", codes: []string{"SignatureDoesNotMatch", "InvalidSignatureException"},
		title: "the secret does not belong to the access key", verdict: incident.Misconfiguration, cause: incident.MalformedCredentials, sure: Likely,
		why: "AWS knows the key id and computes another signature: the secret is of another key or was cut when pasted. Less often the request was changed on its way, by a proxy or a wrong signer.",
		checks: []Check{
			{`printf %s "$AWS_SECRET_ACCESS_KEY" | wc -c`, "40; a / or + that a shell or URL ate is the usual loss. Nothing secret is shown"},
			whichSource, theClock,
		},
		myth:   "A wrong pair of key and secret gives this error, not InvalidClientTokenId.",
		remedy: replace, source: "aws-facts 1.2, 14",
	},
	{
		id: "invalid", codes: []string{"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure"},
		texts: []string{"security token included in the request is invalid", "aws was not able to validate the provided access credentials"},
		title: "AWS does not know this credential", verdict: incident.Inconclusive, cause: incident.UnexplainedFailures, sure: Open,
		why: "It was deleted or disabled, its role was deleted, its session token is missing, or it belongs to another partition or Region. The code is the same for an owner's mistake and for somebody who cut the key off; CloudTrail does not record the failing call itself.",
		checks: []Check{
			{"aws configure list; env | grep -c ^AWS_SESSION_TOKEN=", "an ASIA… key without its session token is unknown to AWS; 0 means that the environment has none"},
			whoseKey,
			{"aws iam get-access-key-last-used --access-key-id AKIA…", "whose key it is; then `aws iam list-access-keys --user-name USER`: Inactive or missing means that somebody switched it off"},
			askHistory,
			{"aws configure get region", "global STS tokens are unknown in Regions that must be switched on: use the Region's own STS endpoint. China and GovCloud know only their own"},
		},
		myth:   "There is no RevokeSession in AWS to look for, a changed trust policy does not end sessions, and a wrong clock gives other errors.",
		remedy: replace, source: "aws-facts 0, 1.2, 2.1, 7, 14",
	},
	// Authenticated, not allowed.
	{
		id: "denied-role-gone", reasons: []incident.Reason{incident.ReasonRoleUnusable}, codes: []string{"AccessDenied", "AccessDeniedException"},
		texts: []string{"role defined for the function cannot be", "cannot be assumed by lambda", "is invalid or cannot be assumed"},
		title: "the service cannot take the role", verdict: incident.Misconfiguration, cause: incident.OrphanedPrincipal, sure: Likely,
		why: "The role was deleted, or deleted and made again: the function keeps the old one's unique id, and a new role of the same name is another. A role made seconds ago may just need time.",
		checks: []Check{
			theTrust,
			{"trailverdict investigate --principal ROLE --since 7d", "who deleted or changed it, and when"},
		},
		remedy: permit, source: "aws-facts 1.2, 8.1, 8.2, 14",
	},
	{
		id: "explicit-identity", texts: []string{"explicit deny in an identity-based policy"},
		title: "a policy of the principal forbids it outright", verdict: incident.Inconclusive, cause: incident.UnexplainedRevocation, sure: Open,
		why: "This is how a revoked session looks (AWSRevokeOlderSessions), and a key that AWS quarantined. The credential is valid and was cut off on purpose: by a responder, or by somebody who locks you out.",
		checks: []Check{
			{"aws iam list-role-policies --role-name ROLE; aws iam list-attached-user-policies --user-name USER", "AWSRevokeOlderSessions: sessions from before its date are revoked, take new ones. AWSCompromisedKeyQuarantine…: AWS found the key in public; treat it as stolen"},
			askHistory,
			{"trailverdict investigate --principal ROLE --since 24h", "who put the policy there, and whether anybody tries to get round it"},
		},
		myth:   "Revoking sessions never gives InvalidClientTokenId: they stay valid, and everything is denied to them.",
		remedy: renew, source: "aws-facts 2.2, 3.2, 13",
	},
	{
		id: "explicit-other", texts: []string{"explicit deny in a service control policy", "explicit deny in a resource control policy", "explicit deny in a permissions boundary", "explicit deny in a session policy", "explicit deny in a resource-based policy", "explicit deny in a vpc endpoint policy", "with an explicit deny"},
		title: "a policy outside the principal forbids it", sure: Certain,
		why:    "The credential is valid. The text names the kind of policy, and since 2026 often its ARN. Only what is in an identity-based policy can be a revoked session.",
		checks: []Check{whoAmI, {"aws sts decode-authorization-message --encoded-message MESSAGE", "which statement denied, where the text has an encoded part (EC2)"}},
		remedy: permit, source: "aws-facts 3.2",
	},
	{
		id: "assume-denied", texts: []string{"not authorized to perform: sts:assumerole on resource", "not authorized to perform: sts:assumerole", "accessdenied) when calling the assumerole operation"},
		title: "the role may not be assumed by this caller", verdict: incident.Misconfiguration, cause: incident.ImplicitDeny, sure: Likely,
		why: "Both sides must allow it: a policy of the caller, and the role's trust policy. The answer is the same for a role that does not exist, whose trusted principal was deleted and made again, or that is seconds old.",
		checks: []Check{
			whoAmI, theTrust,
			{"trailverdict investigate --principal ROLE --since 7d", "who changed the trust policy or the role. A session that was issued before lives on"},
		},
		remedy: permit, source: "aws-facts 1.2, 8.1, 8.2",
	},
	{
		id: "implicit-deny", texts: []string{"because no…policy allows"},
		title: "no policy allows it", verdict: incident.Misconfiguration, cause: incident.ImplicitDeny, sure: Certain,
		why: "The credential is valid and nothing forbids the call: the permission is missing, or somebody took it away.",
		checks: []Check{
			whoAmI,
			{"trailverdict investigate --principal ROLE --since 7d", "who detached or deleted a policy, if it worked before"},
		},
		myth:   "A detached policy gives AccessDenied, never InvalidClientTokenId.",
		remedy: permit, source: "aws-facts 3.2, 8.3, 13",
	},
	{
		id: "denied", texts: []string{"accessdenied", "access denied", "unauthorizedoperation", "not authorized to perform", "you are not authorized to perform this operation", "status code: 403", "forbidden"},
		title: "the call was refused, and the text does not say by what", verdict: incident.Inconclusive, cause: incident.UnexplainedFailures, sure: Open,
		why: "The credential was recognised. S3, SQS and others give no reason: it may be a missing permission, a bucket's policy, or a revoked session.",
		checks: []Check{
			whoAmI, askHistory,
			{"trailverdict investigate --principal ROLE --since 24h", "a deny by token issue time on the principal means that its sessions were revoked"},
		},
		remedy: permit, source: "aws-facts 3.2",
	},
}

// unknown is what is said of a text that fits nowhere.
var unknown = topic{
	title: "the text is not known here", sure: Open,
	why:    "It has none of the codes by which AWS refuses a credential, and none of the sentences of AWS or its SDKs that are known here. Give the whole text, with the code.",
	checks: []Check{whoAmI, whichSource},
	source: "contract ruling 10",
}

// Topic is a kind of error, for the documentation.
type Topic struct {
	ID, Title string
	Verdict   incident.Verdict
	Cause     incident.Cause
	Sure      Sure
	Codes     []string
	Source    string
}

// Topics are all kinds of errors that are known, in the order in which they are
// looked for.
func Topics() []Topic {
	var list []Topic
	for _, t := range topics {
		list = append(list, Topic{t.id, t.title, t.verdict, t.cause, t.sure, t.codes, t.source})
	}
	return list
}
