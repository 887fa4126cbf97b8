package explain

// remedy names what mends several kinds of error.
type remedy string

const (
	renew    remedy = "renew"    // take new temporary credentials, and keep taking them
	replace  remedy = "replace"  // put the right credential in place
	find     remedy = "find"     // let the SDK find one
	metadata remedy = "metadata" // let the endpoint beside the program give one
	clock    remedy = "clock"
	region   remedy = "region"
	federate remedy = "federate" // put token, provider and trust policy in line
	permit   remedy = "permit"   // allow the call, or the role to be taken
)

// remedies are what to do, by environment; Unknown is what holds everywhere.
// Sources: the SDK reference's chapters on credential providers and the user
// guides of the services.
var remedies = map[remedy]map[Environment][]string{
	renew: {
		Unknown: {"Take new credentials, and let the SDK do it from now on: hand its clients a provider, never copied keys."},
		Profile: {"Take the role again, or sign in again, and remove exported AWS_… variables, which go before the profile.", "Better: a profile with role_arn and source_profile, which the SDK renews by itself."},
		SSO:     {"`aws sso login --profile PROFILE`", "Use an sso-session block in ~/.aws/config: its token is renewed by itself; old sso_start_url profiles are not."},
		OIDC:    {"Take the credentials right before they are used, and again before long steps; role-duration-seconds up to the role's MaxSessionDuration.", "Do not hand credentials from one job to the next."},
		EC2:     {"Do not copy credentials from the metadata service: let the SDK ask it. It renews well before the end.", "If a program cached them, restart it, and make one client that lives as long as the program with the default provider."},
		ECS:     {"Let the SDK ask the task's endpoint (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI); static AWS_… variables in the task definition go before it: remove them.", "Restart the task if its program cached the keys."},
		EKS:     {"Use an SDK that reads AWS_WEB_IDENTITY_TOKEN_FILE again at each renewal, or knows Pod Identity: the token file changes.", "Restart the pod if its program cached the keys."},
		Lambda:  {"Do not keep credentials in a global variable, a layer or a file: read the environment through the SDK's default provider in each environment.", "A function that takes another role must renew that itself: use the SDK's AssumeRole provider, not one call at start."},
	},
	replace: {
		Unknown: {"Find out first who switched the old credential off; then put a new one in place, temporary where possible."},
		Profile: {"If the key starts with ASIA, all three are needed: aws_access_key_id, aws_secret_access_key, aws_session_token.", "Else replace long-lived keys by `aws configure sso`, or make a new pair: `aws configure --profile PROFILE`."},
		SSO:     {"Unset exported AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN`", "`aws sso login --profile PROFILE`"},
		OIDC:    {"Remove long-lived keys from the CI's secrets and let the job take a role: permissions id-token: write and role-to-assume at GitHub.", "Pass all three of key, secret and session token between steps."},
		EC2:     {"Remove keys from the environment, ~/.aws and the program's own configuration, so that the instance's role is used.", "If the role was deleted and made again, attach the instance profile anew: `aws ec2 replace-iam-instance-profile-association`."},
		ECS:     {"Remove AWS_ACCESS_KEY_ID and its like from the task definition and its secrets, so that the task role is used.", "If the role was made again, deploy the service anew: `aws ecs update-service --force-new-deployment`."},
		EKS:     {"Remove AWS_… keys from the pod's environment and secrets, so that the service account's role is used.", "If the role was made again, restart: `kubectl rollout restart deployment NAME`."},
		Lambda:  {"Do not set AWS_ACCESS_KEY_ID and its like for a function: Lambda sets them.", "If the execution role was deleted and made again, give it to the function anew: `aws lambda update-function-configuration --function-name NAME --role ARN`, with another role in between if the ARN is the same."},
	},
	find: {
		Unknown: {"Say where credentials come from: a profile (AWS_PROFILE), a role of the machine, or a web identity."},
		Profile: {"`aws configure sso`, or `aws configure --profile PROFILE`, then AWS_PROFILE=PROFILE for the user that runs the program."},
		SSO:     {"`aws sso login --profile PROFILE`, then AWS_PROFILE=PROFILE; older SDKs do not read sso-session blocks: bring them up to date."},
		OIDC:    {"GitHub: permissions id-token: write, and aws-actions/configure-aws-credentials with role-to-assume before the step.", "Forks' pull requests get no id token by design."},
		EC2:     {"Attach an instance profile: `aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE`."},
		ECS:     {"Set taskRoleArn in the task definition, not only executionRoleArn, which the program does not get, and deploy anew."},
		EKS:     {"Annotate the service account (eks.amazonaws.com/role-arn) or make a Pod Identity association, set serviceAccountName, then restart the pods: they get their variables when they start."},
		Lambda:  {"The runtime sets the variables. A child process or an own runtime must inherit them; a custom image must not clear its environment."},
	},
	metadata: {
		Unknown: {"Give the machine or container a role; where there is none to be, name another source of credentials."},
		Profile: {"This machine has no metadata service: the SDK fell through to it. Configure a profile: `aws configure sso`, then AWS_PROFILE=PROFILE."},
		SSO:     {"The profile was not taken, and the SDK fell through to the metadata service. `aws sso login --profile PROFILE`, then AWS_PROFILE=PROFILE."},
		OIDC:    {"The runner has no role of its own: take one by OIDC before the step (GitHub: id-token: write and role-to-assume)."},
		EC2:     {"No role: `aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE`.", "Containers: `aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-put-response-hop-limit 2 --http-tokens required`."},
		ECS:     {"Set taskRoleArn in the task definition and let the role trust ecs-tasks.amazonaws.com.", "On EC2 hosts bring the ECS agent up to date, and do not block 169.254.170.2."},
		EKS:     {"Use the service account's role (IRSA or Pod Identity), not the node's: set serviceAccountName and restart the pods.", "Pod Identity: the add-on eks-pod-identity-agent must run on the node, and 169.254.170.23 must be in NO_PROXY."},
		Lambda:  {"A function has no instance metadata: its variables were cleared. Do not unset AWS_…, and pass the environment on to child processes."},
	},
	clock: {
		Unknown: {"Synchronize the clock, then try again; nothing else needs to change."},
		Profile: {"`sudo timedatectl set-ntp true`; on Windows `w32tm /resync`; in WSL `sudo hwclock -s`; Docker Desktop and virtual machines: restart after the host slept."},
		SSO:     {"`sudo timedatectl set-ntp true`; on Windows `w32tm /resync`; in WSL `sudo hwclock -s`. Then sign in again."},
		OIDC:    {"Self-hosted runners: synchronize the host's clock. Sign right before sending, not in an earlier job."},
		EC2:     {"`chronyc sources` should name 169.254.169.123, AWS's own time; `sudo systemctl restart chronyd`."},
		ECS:     {"The container has its host's clock. On EC2 hosts: chrony with 169.254.169.123; on Fargate look for requests that waited between signing and sending."},
		EKS:     {"The pod has its node's clock: chrony with 169.254.169.123 on the node, or replace the node."},
		Lambda:  {"Lambda's clock is right. A frozen environment sends later what it signed before: do not send in the background after the answer."},
	},
	region: {
		Unknown: {"Send the request to the Region that it is signed for, or switch the Region on for the account."},
		Profile: {"`aws configure set region REGION --profile PROFILE`, and unset AWS_REGION if it says another. China and GovCloud need a profile of their own."},
		SSO:     {"`aws configure set region REGION --profile PROFILE`; sso_region is where Identity Center is, not where the call goes."},
		OIDC:    {"Set aws-region for the step. For Regions that must be switched on, take the role at that Region's STS endpoint (the default of current SDKs)."},
		EC2:     {"Set AWS_REGION for the program, and take out a fixed endpoint_url."},
		ECS:     {"Set AWS_REGION in the task definition, and take out a fixed endpoint_url."},
		EKS:     {"Set AWS_REGION, and AWS_STS_REGIONAL_ENDPOINTS=regional for old SDKs, in the pod."},
		Lambda:  {"AWS_REGION is set by Lambda: build clients for other Regions with their own region, not with an endpoint alone."},
	},
	federate: {
		Unknown: {"Put token, provider and trust policy in line: the provider's URL is the token's iss, its client ids hold aud, the trust policy's conditions fit sub and aud."},
		Profile: {"Take a new token right before the call; a token file that another program should refresh is probably stale: look at its time (`ls -l $AWS_WEB_IDENTITY_TOKEN_FILE`)."},
		SSO:     {"Sign in again: `aws sso login`. With SAML tools take a new assertion: it is good for 5 minutes."},
		OIDC:    {"GitHub: permissions id-token: write; audience sts.amazonaws.com; trust policy with StringEquals on token.actions.githubusercontent.com:aud and StringLike or StringEquals on …:sub = repo:ORG/REPO:ref:refs/heads/BRANCH (or :environment:NAME).", "Take the role right before it is used."},
		EC2:     {"An instance needs no web identity: unset AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, unless something else refreshes that file."},
		ECS:     {"A task needs no web identity: unset AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, so that the task role is used."},
		EKS:     {"The provider's URL must be that of the cluster: `aws eks describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer`. A new cluster has a new one.", "Trust policy: ISSUER:sub = system:serviceaccount:NAMESPACE:NAME, ISSUER:aud = sts.amazonaws.com. Then restart the pods."},
		Lambda:  {"A function needs no web identity for its own role: unset AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN."},
	},
	permit: {
		Unknown: {"Allow exactly the call in a policy of the principal, or the caller in the role's trust policy. Policy changes take seconds to reach all of AWS."},
		Profile: {"Check that it is the principal that was meant: `aws sts get-caller-identity --profile PROFILE`. Then allow the call, or the role's ARN for sts:AssumeRole, in its policy."},
		SSO:     {"Roles AWSReservedSSO_… cannot be edited: change the permission set and provision it again, or choose another."},
		OIDC:    {"Add the action to the policy of the role that the job takes; infrastructure pipelines need iam:PassRole for the roles that they hand out."},
		EC2:     {"Add the action to the instance role's policy. A role made again needs its instance profile attached anew."},
		ECS:     {"Add the action to the task role: the execution role only pulls images and writes logs."},
		EKS:     {"Add the action to the role of the service account; if get-caller-identity shows the node's role, the pod does not use its own."},
		Lambda:  {"Add the action to the execution role, and let it trust lambda.amazonaws.com.", "After the role was deleted and made again: `aws lambda update-function-configuration --function-name NAME --role ARN`."},
	},
}
