"""Reports credential failures in a program's log, for boto3 and botocore.

    session = boto3.Session()
    report_credential_failures(session, "payments-worker")
    s3 = session.client("s3")

A line is written for each call that AWS refuses for its credentials, whatever
the program does about the error.
"""

import json
import re
import threading

CREDENTIAL_CODES = {
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure",
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
    "InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError",
}


def report_credential_failures(session, workload, write=print):
    """Watches all clients that are made of a session from now on."""
    signed = threading.local()

    def before_send(request, **_):
        header = request.headers.get("Authorization", "")
        if isinstance(header, bytes):
            header = header.decode("ascii", "replace")
        found = re.search(r"Credential=([A-Z0-9]+)/", header)
        signed.key_id = found.group(1) if found else ""

    def after_call(http_response, parsed, model, context=None, **_):
        error = parsed.get("Error", {}) if http_response.status_code >= 300 else {}
        code = (context or {}).get("error_code_override") or error.get("Code")
        if code in CREDENTIAL_CODES:
            write(json.dumps({
                "trailverdict": "credential_failure",
                "errorCode": code,
                "errorMessage": error.get("Message", ""),
                "operation": f"{model.service_model.signing_name}:{model.name}",
                "accessKeyId": getattr(signed, "key_id", ""),
                "workload": workload,
            }))

    events = getattr(session, "events", None) or session.get_component("event_emitter")  # boto3's, or botocore's
    events.register("before-send", before_send)
    events.register("after-call", after_call)
