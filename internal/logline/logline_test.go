package logline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// The messages are written after the SDKs' own, with invented identities. The
// issues that show each shape are named in shapes.go and texts.go.
func TestReadSDKErrors(t *testing.T) {
	const (
		expired = incident.ReasonExpired
		key     = "ASIAQ3EXAMPLE7PAY001"
	)
	tests := []struct {
		name    string
		message string
		want    []Fact
	}{
		{
			name:    "python: a client error",
			message: `botocore.exceptions.ClientError: An error occurred (ExpiredTokenException) when calling the GetItem operation: The security token included in the request is expired`,
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired}},
		},
		{
			name:    "python: the representation of a client error",
			message: `2026-03-01 10:00:00,123 ERROR worker ClientError('An error occurred (UnrecognizedClientException) when calling the PutItem operation: The security token included in the request is invalid.')`,
			want:    []Fact{{Code: "UnrecognizedClientException"}},
		},
		{
			name:    "python: a lambda function's error line",
			message: "[ERROR] ClientError: An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid.\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 12, in handler\n    sts.get_caller_identity()",
			want:    []Fact{{Code: "InvalidClientTokenId", Operation: "sts:GetCallerIdentity"}},
		},
		{
			name:    "python: retries exhausted",
			message: `An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation (reached max retries: 4): Signature expired: 20260301T100000Z is now earlier than 20260301T101501Z (20260301T102001Z - 5 min.)`,
			want:    []Fact{{Code: "SignatureDoesNotMatch", Reason: incident.ReasonClockSkew, Operation: "sts:GetCallerIdentity"}},
		},
		{
			name:    "python: botocore of 2016",
			message: `A client error (AuthFailure) occurred when calling the DescribeInstanceStatus operation: AWS was not able to validate the provided access credentials`,
			want:    []Fact{{Code: "AuthFailure"}},
		},
		{
			name:    "python: an exception of its own class",
			message: `botocore.errorfactory.InvalidIdentityTokenException: An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF`,
			want:    []Fact{{Code: "InvalidIdentityToken", Reason: incident.ReasonProviderMissing, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "python: an exception chain is one failure",
			message: "Traceback (most recent call last):\n  …\nbotocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.\n\nDuring handling of the above exception, another exception occurred:\n\napp.UploadError: upload failed: An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "python: the response as a dictionary",
			message: `{'Error': {'Code': 'InvalidClientTokenId', 'Message': 'The security token included in the request is invalid', 'Type': 'Sender'}, 'ResponseMetadata': {'HTTPStatusCode': 403, 'RetryAttempts': 0}}`,
			want:    []Fact{{Code: "InvalidClientTokenId"}},
		},
		{
			name:    "python: the container's credentials endpoint",
			message: `botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 400 from container metadata: [5f1c0f9e-0000-4000-8000-000000000001]: (ExpiredTokenException): Token expired, fault: client`,
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired}},
		},
		{
			name:    "python: a refresh that needs a person",
			message: `botocore.exceptions.RefreshWithMFAUnsupportedError: Cannot refresh credentials: MFA token required.`,
			want:    []Fact{{Code: "ExpiredToken", Reason: incident.ReasonRefreshFailed}},
		},
		{
			name:    "python: refreshed and still expired",
			message: `RuntimeError: Credentials were refreshed, but the refreshed credentials are still expired.`,
			want:    []Fact{{Code: "ExpiredToken", Reason: incident.ReasonRefreshFailed}},
		},
		{
			name:    "python: refreshing failed on a deleted key",
			message: "WARNING:botocore.credentials:Refreshing temporary credentials failed during mandatory refresh period.\nTraceback (most recent call last):\nbotocore.exceptions.ClientError: An error occurred (InvalidClientTokenId) when calling the AssumeRole operation: The security token included in the request is invalid.",
			want:    []Fact{{Code: "InvalidClientTokenId", Reason: incident.ReasonRefreshFailed, Operation: "sts:AssumeRole"}},
		},
		{
			name:    "python: s3fs translates the error and keeps the text",
			message: `PermissionError: The AWS Access Key Id you provided does not exist in our records.`,
			want:    []Fact{{Code: "InvalidAccessKeyId"}},
		},
		{
			name:    "command line: an upload",
			message: `upload failed: ./report.csv to s3://reports/report.csv An error occurred (InvalidAccessKeyId) when calling the PutObject operation: The AWS Access Key Id you provided does not exist in our records.`,
			want:    []Fact{{Code: "InvalidAccessKeyId"}},
		},
		{
			name:    "command line: version 2 with its label",
			message: "\naws: [ERROR]: An error occurred (InvalidToken) when calling the ListBuckets operation: The provided token is malformed or otherwise invalid.",
			want:    []Fact{{Code: "InvalidToken"}},
		},
		{
			name:    "command line: sign-in expired",
			message: `The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.`,
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "command line: sign-in could not be renewed",
			message: `Error when retrieving token from sso: Token has expired and refresh failed`,
			want:    []Fact{{Code: "ExpiredToken", Reason: incident.ReasonRefreshFailed}},
		},
		{
			name:    "command line: no sign-in at all",
			message: `Error loading SSO Token: Token for https://example.awsapps.com/start does not exist`,
			want:    []Fact{{Code: "ExpiredToken", Reason: incident.ReasonRefreshFailed}},
		},
		{
			name:    "go v1",
			message: "2026/03/01 10:00:00 poll: ExpiredToken: The security token included in the request is expired\n\tstatus code: 403, request id: d24cb01c-253d-5c6e-a15f-e91e6ff5559c",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "go v1: a text that is not known",
			message: "refresh: InvalidIdentityToken: some new text\n\tstatus code: 400, request id: d24cb01c-253d-5c6e-a15f-e91e6ff5559c",
			want:    []Fact{{Code: "InvalidIdentityToken"}},
		},
		{
			name:    "go v1: terraform of that time",
			message: "Error: error configuring Terraform AWS Provider: error validating provider credentials: error calling sts:GetCallerIdentity: InvalidClientTokenId: The security token included in the request is invalid.\n\tstatus code: 403, request id: 86d1302f-64cb-427a-8824-296ab645b63c",
			want:    []Fact{{Code: "InvalidClientTokenId", Operation: "sts:GetCallerIdentity"}},
		},
		{
			name:    "go v1: the web identity provider",
			message: "WebIdentityErr: failed to retrieve credentials\ncaused by: ExpiredTokenException: Token expired: current date/time 1626271164 must be before the expiration date/time1626191469\n\tstatus code: 400, request id: d24cb01c",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "go v1: a SAML response that waited too long",
			message: "Error retrieving STS credentials using SAML.: ExpiredTokenException: Response has expired\n\tstatus code: 400, request id: 4370fb7a-3407-4a93-b0b7-adac0147c352",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired, Operation: "sts:AssumeRoleWithSAML"}},
		},
		{
			name:    "go v2: sign-in could not be renewed",
			message: "get identity: get credentials: failed to refresh cached credentials, refresh cached SSO token failed, unable to refresh SSO token, operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: 1, InvalidGrantException:",
			want:    []Fact{{Code: "ExpiredToken", Reason: incident.ReasonRefreshFailed}},
		},
		{
			name:    "go v2",
			message: `operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 83805f40-faa6-4c05-8ff0-883cbaf478bb, api error InvalidClientTokenId: The security token included in the request is invalid.`,
			want:    []Fact{{Code: "InvalidClientTokenId", Operation: "sts:GetCallerIdentity"}},
		},
		{
			name:    "go v2: a service of two words",
			message: `flush: operation error CloudWatch Logs: PutLogEvents, https response error StatusCode: 400, RequestID: 4d5fbc11-8aba-489a-90b4-0966ab111ae5, api error ExpiredTokenException: The security token included in the request is expired`,
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired, Operation: "logs:PutLogEvents"}},
		},
		{
			name:    "go v2: the call that failed is the one that renews",
			message: `operation error S3: PutObject, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 22679931-6a1d-4db3-abd0-a189de181809, InvalidIdentityToken: Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements`,
			want:    []Fact{{Code: "InvalidIdentityToken", Reason: incident.ReasonProviderDown, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "go v2: renewing with a dead key",
			message: `get identity: get credentials: failed to refresh cached credentials, operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: 22679931-6a1d-4db3-abd0-a189de181809, api error InvalidClientTokenId: The security token included in the request is invalid.`,
			want:    []Fact{{Code: "InvalidClientTokenId", Reason: incident.ReasonRefreshFailed, Operation: "sts:AssumeRole"}},
		},
		{
			name:    "terraform draws a frame and breaks the lines",
			message: "╷\n│ Error: validating provider credentials: retrieving caller identity from\n│ STS: operation error STS: GetCallerIdentity, https response error StatusCode:\n│ 403, RequestID: 83805f40-faa6-4c05-8ff0-883cbaf478bb, api error\n│ ExpiredToken: The security token included in the request is expired\n│ \n╵",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired, Operation: "sts:GetCallerIdentity"}},
		},
		{
			name:    "java v1",
			message: "com.amazonaws.services.securitytoken.model.AWSSecurityTokenServiceException: The security token included in the request is invalid. (Service: AWSSecurityTokenService; Status Code: 403; Error Code: InvalidClientTokenId; Request ID: eef1a6b7-d266-11e6-b94f-5ffa7183f49a; Proxy: null)\n\tat com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClient.executeAssumeRole(AWSSecurityTokenServiceClient.java:534)",
			want:    []Fact{{Code: "InvalidClientTokenId", Operation: "sts:AssumeRole"}},
		},
		{
			name:    "java v1: s3",
			message: "Caused by: com.amazonaws.services.s3.model.AmazonS3Exception: The provided token has expired. (Service: Amazon S3; Status Code: 400; Error Code: ExpiredToken; Request ID: C043EEA5A00B5DF8; S3 Extended Request ID: l6Qrw)",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "java v2: a class for the error",
			message: "software.amazon.awssdk.services.sts.model.ExpiredTokenException: Token expired: current date/time 1731098245 must be before the expiration date/time 1731095240 (Service: Sts, Status Code: 400, Request ID: 22679931-6a1d-4db3-abd0-a189de181809)\n\tat software.amazon.awssdk.services.sts.DefaultStsClient.assumeRoleWithWebIdentity(DefaultStsClient.java:1)",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "java v2: a class with a name of its own",
			message: "software.amazon.awssdk.services.sts.model.IdpCommunicationErrorException: The identity provider could not be reached (Service: Sts, Status Code: 400, Request ID: 22679931-6a1d-4db3-abd0-a189de181809)",
			want:    []Fact{{Code: "IDPCommunicationError", Reason: incident.ReasonProviderDown}},
		},
		{
			name:    "java v2: a logger that abbreviates packages",
			message: "s.a.a.s.s.m.ExpiredTokenException: something new (Service: Sts, Status Code: 400, Request ID: 22679931-6a1d-4db3-abd0-a189de181809)",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired}},
		},
		{
			name:    "java v2: no code at all, a Query service",
			message: "software.amazon.awssdk.services.sts.model.StsException: The security token included in the request is invalid. (Service: Sts, Status Code: 403, Request ID: 6b6c1fe3-87ec-4ab5-b4ec-64d2fa75b697)",
			want:    []Fact{{Code: "InvalidClientTokenId"}},
		},
		{
			name:    "java v2: no code at all, a JSON service",
			message: "Caused by: software.amazon.awssdk.services.dynamodb.model.DynamoDbException: The security token included in the request is invalid. (Service: DynamoDb, Status Code: 400, Request ID: 6B6C1FE387EC4AB5B4EC64D2FA75B697) (SDK Attempt Count: 1)",
			want:    []Fact{{Code: "UnrecognizedClientException"}},
		},
		{
			name:    "javascript v2: a stack",
			message: "[watchbot] ExpiredToken: The security token included in the request is expired\n    at Request.extractError (/usr/local/src/node_modules/aws-sdk/lib/protocol/query.js:40:29)",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "javascript v2: an object",
			message: "{ InvalidSignatureException: Signature expired: 20260301T143453Z is now earlier than 20260301T143751Z (20260301T145251Z - 15 min.)\n  message: 'Signature expired: …',\n  code: 'InvalidSignatureException',\n  statusCode: 400,\n  retryable: false }",
			want:    []Fact{{Code: "InvalidSignatureException", Reason: incident.ReasonClockSkew}},
		},
		{
			name:    "javascript v2: logged as JSON",
			message: `{"level":"info","message":{"message":"Signature not yet current: 20260301T143453Z is still later than 20260301T142251Z (20260301T141751Z + 5 min.)","code":"InvalidSignatureException","name":"InvalidSignatureException","statusCode":400,"retryable":false},"timestamp":"2026-03-01T14:22:51.020Z"}`,
			want:    []Fact{{Code: "InvalidSignatureException", Reason: incident.ReasonClockSkew}},
		},
		{
			name:    "javascript v3: a stack",
			message: "ExpiredTokenException: The security token included in the request is expired\n    at throwDefaultError (/var/task/node_modules/@smithy/smithy-client/dist-cjs/index.js:838:20)\n    at de_GetItemCommandError (/var/task/node_modules/@aws-sdk/client-dynamodb/dist-cjs/index.js:1:1) {\n  '$fault': 'client',\n  '$metadata': { httpStatusCode: 400, attempts: 1 },\n  __type: 'com.amazon.coral.service#ExpiredTokenException'\n}",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired}},
		},
		{
			name:    "javascript v3: logged as JSON",
			message: `{"name":"ExpiredToken","$fault":"client","$metadata":{"httpStatusCode":403,"requestId":"00000000-0000-4000-8000-000000000000","attempts":1,"totalRetryDelay":0},"Type":"Sender","Code":"ExpiredToken"}`,
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "javascript v3: lambda's report of an uncaught error",
			message: "2026-03-01T10:00:00.000Z\t6f1c0000-0000-4000-8000-000000000000\tERROR\tInvoke Error \t" + `{"errorType":"UnrecognizedClientException","errorMessage":"The security token included in the request is invalid.","name":"UnrecognizedClientException","$fault":"client","stack":["UnrecognizedClientException: The security token included in the request is invalid.","    at …"]}`,
			want:    []Fact{{Code: "UnrecognizedClientException"}},
		},
		{
			name:    "javascript v3: an exception of STS by its class",
			message: "InvalidIdentityTokenException: Incorrect token audience\n    at de_AssumeRoleWithWebIdentityCommandError (/app/node_modules/@aws-sdk/client-sts/dist-cjs/index.js:1:1)",
			want:    []Fact{{Code: "InvalidIdentityToken", Reason: incident.ReasonAudience, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "javascript: pino",
			message: `{"level":50,"time":1772359200000,"err":{"type":"S3ServiceException","message":"The provided token has expired.","stack":"ExpiredToken: The provided token has expired.\n    at throwDefaultError (/home/node/app/node_modules/@smithy/smithy-client/dist-cjs/index.js:838:20)"},"msg":"Error getting file"}`,
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "javascript: an action prints the text alone",
			message: `Error: No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com`,
			want:    []Fact{{Code: "InvalidIdentityToken", Reason: incident.ReasonProviderMissing, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "dotnet: a class for the error",
			message: "Amazon.SecurityToken.Model.ExpiredTokenException: Token expired: current date/time 1731098245 must be before the expiration date/time 1731095240\n ---> Amazon.Runtime.Internal.HttpErrorResponseException: Exception of type 'Amazon.Runtime.Internal.HttpErrorResponseException' was thrown.\n   at Amazon.SecurityToken.AmazonSecurityTokenServiceClient.AssumeRoleWithWebIdentityAsync(",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "dotnet: no code at all",
			message: "Amazon.DynamoDBv2.AmazonDynamoDBException: The security token included in the request is invalid.\n   at Amazon.Runtime.Internal.HttpErrorResponseExceptionHandler.HandleExceptionStream(IRequestContext requestContext)",
			want:    []Fact{{Code: "InvalidClientTokenId"}},
		},
		{
			name:    "dotnet: a log frame of its own",
			message: "Error occured: The provided token has expired. while trying to get object, stacktrace:    at Amazon.Runtime.Internal.HttpErrorResponseExceptionHandler.HandleExceptionStream(",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "php: an XML service",
			message: "PHP Fatal error:  Uncaught Aws\\Sts\\Exception\\StsException: Error executing \"GetCallerIdentity\" on \"https://sts.eu-west-1.amazonaws.com\"; AWS HTTP error: Client error: `POST https://sts.eu-west-1.amazonaws.com` resulted in a `403 Forbidden` response:\n<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>InvalidClientTokenId</Code (truncated...)\n InvalidClientTokenId (client): The security token included in the request is invalid. - <ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>InvalidClientTokenId</Code>\n    <Message>The security token included in the request is invalid.</Message>",
			want:    []Fact{{Code: "InvalidClientTokenId", Operation: "sts:GetCallerIdentity"}},
		},
		{
			name:    "php: a JSON service",
			message: "Error executing \"GetAuthorizationToken\" on \"https://ecr.us-east-1.amazonaws.com\"; AWS HTTP error: Client error: `POST https://ecr.us-east-1.amazonaws.com` resulted in a `400 Bad Request` response:\n{\"__type\":\"UnrecognizedClientException\",\"message\":\"The security token included in the request is invalid.\"}\n UnrecognizedClientException (client): The security token included in the request is invalid. - {\"__type\":\"UnrecognizedClientException\",\"message\":\"The security token included in the request is invalid.\"}",
			want:    []Fact{{Code: "UnrecognizedClientException", Operation: "ecr:GetAuthorizationToken"}},
		},
		{
			name:    "php: ec2, and a clock that is off",
			message: "Aws\\Ec2\\Exception\\Ec2Exception Error executing \"DescribeInstances\" on \"https://ec2.eu-west-1.amazonaws.com\"; AWS HTTP error: Client error: `POST https://ec2.eu-west-1.amazonaws.com` resulted in a `401 Unauthorized` response:\n<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to val (truncated...)\n AuthFailure (client): AWS was not able to validate the provided access credentials - <?xml version=\"1.0\"?>",
			want:    []Fact{{Code: "AuthFailure", Operation: "ec2:DescribeInstances"}},
		},
		{
			name:    "c++: the Kinesis producer's clock",
			message: "INFO  c.a.services.kinesis.producer.LogInputStreamReader - [2026-03-02 11:09:02.100569] [0x0000f7dd][0x000070000ab52000] [info] [AWS Log: WARN](AWSErrorMarshaller)Encountered AWSError 'InvalidSignatureException': Signature expired: 20260302T180337Z is now earlier than 20260302T180402Z (20260302T180902Z - 5 min.)",
			want:    []Fact{{Code: "InvalidSignatureException", Reason: incident.ReasonClockSkew}},
		},
		{
			name:    "ruby",
			message: "/usr/lib/ruby/gems/aws-sdk-core-3.171.0/lib/seahorse/client/plugins/raise_response_errors.rb:17:in `call': The security token included in the request is expired (Aws::STS::Errors::ExpiredToken)",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "ruby: inspected",
			message: "#<Aws::S3::Errors::InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.>",
			want:    []Fact{{Code: "InvalidAccessKeyId"}},
		},
		{
			name:    "ruby: rails",
			message: "Aws::DynamoDB::Errors::ExpiredTokenException (The security token included in the request is expired):\n\napp/models/order.rb:17:in `save'",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired}},
		},
		{
			name:    "rust",
			message: `{"timestamp":"2026-03-01T10:00:00.000Z","level":"WARN","fields":{"message":"STS returned an error assuming web identity role","error":"service error: InvalidIdentityTokenException: Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements (ServiceError(ServiceError { source: InvalidIdentityTokenException(InvalidIdentityTokenException { message: Some(\"Couldn't retrieve…\"), meta: ErrorMetadata { code: Some(\"InvalidIdentityToken\"), message: Some(\"Couldn't retrieve…\"), extras: Some({\"aws_request_id\": \"0\"}) } }) }))"}}`,
			want:    []Fact{{Code: "InvalidIdentityToken", Reason: incident.ReasonProviderDown, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "rust: an error outside the model",
			message: `service error: unhandled error (InvalidClientTokenId): Error { code: "InvalidClientTokenId", message: "The security token included in the request is invalid.", aws_request_id: "22679931-6a1d-4db3-abd0-a189de181809" }`,
			want:    []Fact{{Code: "InvalidClientTokenId"}},
		},
		{
			name:    "c++",
			message: "[ERROR] 2026-03-01 10:00:00.000 AWSClient [140000] HTTP response code: 403\nResolved remote host IP address: 192.0.2.7\nRequest ID: 22679931\nException name: InvalidAccessKeyId\nError message: The AWS Access Key Id you provided does not exist in our records.",
			want:    []Fact{{Code: "InvalidAccessKeyId"}},
		},
		{
			name:    "c++: an error it has no name for",
			message: "PutObject: Unable to parse ExceptionName: ExpiredToken Message: The provided token has expired.",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}},
		},
		{
			name:    "xml: s3 names the key",
			message: "GET failed: <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message><AWSAccessKeyId>" + key + "</AWSAccessKeyId><RequestId>4F2659BDA1E78A41</RequestId></Error>",
			want:    []Fact{{Code: "InvalidAccessKeyId", KeyID: key}},
		},
		{
			name:    "xml: s3 and the clock",
			message: "<Error>\n  <Code>RequestTimeTooSkewed</Code>\n  <Message>The difference between the request time and the current time is too large.</Message><RequestTime>20260301T162148Z</RequestTime></Error>",
			want:    []Fact{{Code: "RequestTimeTooSkewed", Reason: incident.ReasonClockSkew}},
		},
		{
			name:    "xml: sts and a token from long ago",
			message: "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>ExpiredTokenException</Code>\n    <Message>Token too old: 441398</Message>\n  </Error>\n  <RequestId>1fd1964b-1544-11ea-ba37-99c3c1dede42</RequestId>\n</ErrorResponse>",
			want:    []Fact{{Code: "ExpiredTokenException", Reason: expired, Operation: "sts:AssumeRoleWithWebIdentity"}},
		},
		{
			name:    "json: the answer of a service",
			message: `POST https://dynamodb.eu-west-1.amazonaws.com/ 400 {"__type":"com.amazon.coral.service#IncompleteSignature","message":"'ASIA' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential= ` + key + `/20260301/eu-west-1/dynamodb/aws4_request, Signature=cbeed4'."}`,
			want:    []Fact{{Code: "IncompleteSignature", KeyID: key}},
		},
		{
			name:    "logfmt",
			message: `level=error msg="put failed" error_code=InvalidSignatureException error="The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."`,
			want:    []Fact{{Code: "InvalidSignatureException", Reason: incident.ReasonSignature}},
		},
		{
			name:    "two different failures in one message are two facts",
			message: "a: ExpiredToken: The security token included in the request is expired\n\tstatus code: 403, request id: 1\nb: SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided.\n\tstatus code: 403, request id: 2",
			want:    []Fact{{Code: "ExpiredToken", Reason: expired}, {Code: "SignatureDoesNotMatch", Reason: incident.ReasonSignature}},
		},
		{
			name:    "the session that the line names is whose credential failed",
			message: `An error occurred (ExpiredToken) when calling the ListQueues operation: The security token included in the request is expired; identity arn:aws:sts::111122223333:assumed-role/payments/worker-7.`,
			want:    []Fact{{Code: "ExpiredToken", Reason: expired, PrincipalARN: "arn:aws:sts::111122223333:assumed-role/payments/worker-7"}},
		},
		{
			name:    "the role of a federated call is whose credential failed",
			message: `could not assume arn:aws:iam::111122223333:role/ci: An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Incorrect token audience`,
			want:    []Fact{{Code: "InvalidIdentityToken", Reason: incident.ReasonAudience, Operation: "sts:AssumeRoleWithWebIdentity", PrincipalARN: "arn:aws:iam::111122223333:role/ci"}},
		},
		{
			name:    "the role that a caller wanted is not the caller",
			message: `could not assume arn:aws:iam::111122223333:role/ci: An error occurred (ExpiredToken) when calling the AssumeRole operation: The security token included in the request is expired`,
			want:    []Fact{{Code: "ExpiredToken", Reason: expired, Operation: "sts:AssumeRole"}},
		},
		{
			name:    "of two keys neither is the one that failed",
			message: `rotating AKIAQ3EXAMPLE7PAY001 to AKIAQ3EXAMPLE7PAY002: An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid.`,
			want:    []Fact{{Code: "InvalidClientTokenId", Operation: "sts:GetCallerIdentity"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.want {
				tt.want[i].Count = 1
			}
			if diff := cmp.Diff(tt.want, Read(tt.message)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadIsQuiet(t *testing.T) {
	tests := []struct{ name, message string }{
		{"nothing", ""},
		{"an ordinary line", "START RequestId: 6f1c0000-0000-4000-8000-000000000000 Version: $LATEST"},
		{"prose about a code", "we handle ExpiredTokenException by refreshing the credentials once"},
		{"prose that quotes an error", "if you see `An error occurred (ExpiredToken) when calling the PutObject operation`, sign in again"},
		{"prose that quotes a code and its text", `users may see "ExpiredToken: The provided token has expired" here; that is harmless`},
		{"prose in which the text occurs", "the docs say the security token included in the request is expired when a session ends"},
		{"a heading", "# InvalidClientTokenId: causes and remedies"},
		{"a longer code", "An error occurred (CloudTrailInvalidClientTokenIdException) when calling the CreateTrail operation: …"},
		{"a longer code of Go's", "operation error CloudTrail: CreateTrail, https response error StatusCode: 400, RequestID: 1, CloudTrailInvalidClientTokenIdException: x"},
		{"a code with something before it", "Error Code: Client.AuthFailure; Request ID: 1; AWS was not able to validate the provided access credentials"},
		{"a permission problem under the code of a credential problem", "An error occurred (AuthFailure) when calling the RunInstances operation: Not authorized for images: [ami-0123456789abcdef0]"},
		{"the same from Go", "operation error EC2: ModifyImageAttribute, https response error StatusCode: 401, RequestID: 1, api error AuthFailure: Not authorized for image:ami-0123456789abcdef0"},
		{"a denial", "An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/c"},
		{"a bad request without a code", "An error occurred (400) when calling the HeadObject operation: Bad Request"},
		{"an application's own code", `{"code":"ExpiredToken","message":"Your session has expired, please log in again","status":401}`},
		{"an application's own exception", "com.example.auth.ExpiredTokenException: JWT expired at 2026-03-01T10:00:00Z"},
		{"an application's own error", "Error: InvalidToken: jwt malformed"},
		{"another library's error", "google.auth.exceptions.RefreshError: ('invalid_grant: Token has been expired or revoked.')"},
		{"API Gateway on a path that does not exist", `{"message":"Missing Authentication Token"}`},
		{"API Gateway's exception for the same", "x-amzn-ErrorType: MissingAuthenticationTokenException"},
		{"a counter", `{"metric":"errors","ExpiredToken":3,"InvalidClientTokenId":0}`},
		{"a line of code in a Python traceback", `    if e.response["Error"]["Code"] == "ExpiredToken":`},
		{"a line of code in JavaScript", "  if (err.code === 'ExpiredTokenException') { return refresh() } // aws-sdk/"},
		{"a line of code in C++", "if (name == \"ExpiredToken\") return Aws::Client::AWSError<CoreErrors>('ExpiredToken');"},
		{"a line of code in Ruby", "rescue Aws::STS::Errors::ExpiredToken => e"},
		{"a list of retryable codes", "retryable codes: ExpiredToken, ExpiredTokenException, RequestExpired, RequestTimeTooSkewed"},
		{"a test's name", "--- PASS: TestExpiredTokenException (0.00s)"},
		{"another cloud with the same codes", "oss: service returned error: StatusCode=403, ErrorCode=RequestTimeTooSkewed, ErrorMessage=The difference between the request time and the current time is too large., RequestId=1"},
		{"another cloud's XML", "<Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message><HostId>bucket.oss-eu-central-1.aliyuncs.com</HostId></Error>"},
		{"a presigned link that ran out is no credential", "<Error><Code>AccessDenied</Code><Message>Request has expired</Message><Expires>2026-03-01T10:00:00Z</Expires></Error>"},
		{"no credentials at all", "botocore.exceptions.NoCredentialsError: Unable to locate credentials"},
		{"a credential that was refreshed", "INFO botocore.credentials: Refreshing cached credentials; SSO session is valid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Read(tt.message); len(got) != 0 {
				t.Errorf("Read = %+v, want nothing", got)
			}
		})
	}
}
