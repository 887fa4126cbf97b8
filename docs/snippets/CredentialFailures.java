import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;

/**
 * Reports credential failures in a program's log, for the AWS SDK for Java 2.
 *
 * <pre>
 * S3Client s3 = S3Client.builder()
 *     .overrideConfiguration(c -> c.addExecutionInterceptor(new CredentialFailures("payments-worker", System.out::println)))
 *     .build();
 * </pre>
 *
 * A line is written for each call that AWS refuses for its credentials, whatever the program does about the exception.
 */
public final class CredentialFailures implements ExecutionInterceptor {
    private static final Set<String> CODES = Set.of(
        "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure",
        "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "RequestTimeTooSkewed",
        "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
        "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError");
    private static final Pattern SIGNED = Pattern.compile("Credential=([A-Z0-9]+)/\\d+/[^/]+/([^/]+)/");

    private final String workload;
    private final Consumer<String> log;

    public CredentialFailures(String workload, Consumer<String> log) {
        this.workload = workload;
        this.log = log;
    }

    @Override
    public void onExecutionFailure(Context.FailedExecution failed, ExecutionAttributes attributes) {
        if (!(failed.exception() instanceof AwsServiceException)) {
            return;
        }
        AwsServiceException exception = (AwsServiceException) failed.exception();
        if (exception.awsErrorDetails() == null || !CODES.contains(exception.awsErrorDetails().errorCode())) {
            return;
        }
        Matcher signed = SIGNED.matcher(failed.httpRequest().flatMap(r -> r.firstMatchingHeader("Authorization")).orElse(""));
        boolean isSigned = signed.find();
        String service = isSigned ? signed.group(2) : attributes.getAttribute(SdkExecutionAttribute.SERVICE_NAME).toLowerCase();
        log.accept("{\"trailverdict\":\"credential_failure\""
            + ",\"errorCode\":" + quoted(exception.awsErrorDetails().errorCode())
            + ",\"errorMessage\":" + quoted(exception.awsErrorDetails().errorMessage())
            + ",\"operation\":" + quoted(service + ":" + attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME))
            + (isSigned ? ",\"accessKeyId\":" + quoted(signed.group(1)) : "")
            + ",\"workload\":" + quoted(workload) + "}");
    }

    private static String quoted(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : String.valueOf(s).toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\') {
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        return b.append('"').toString();
    }
}
