"""Lets calls fail: with boto3 if told its endpoint, else with a stand-in."""

import os
import sys
import types

sys.path.insert(0, sys.argv[1])
from credential_failures import report_credential_failures  # noqa: E402

code, message, authorization = sys.argv[2:5]


class Events:
    """Of botocore's event emitter, what matters here."""

    def __init__(self):
        self.handlers = []

    def register(self, event, handler):
        self.handlers.append((event, handler))

    def emit(self, event, **kwargs):
        for prefix, handler in self.handlers:
            if event.split(".")[: len(prefix.split("."))] == prefix.split("."):
                handler(event_name=event, **kwargs)


def stand_in():
    session = types.SimpleNamespace(events=Events())
    report_credential_failures(session, "payments-worker")
    model = types.SimpleNamespace(name="GetCallerIdentity", service_model=types.SimpleNamespace(signing_name="sts"))
    for status, parsed in ((403, {"Error": {"Code": code, "Message": message}}), (200, {"Account": "111122223333"})):
        session.events.emit("before-send.sts.GetCallerIdentity", request=types.SimpleNamespace(headers={"Authorization": authorization} if authorization else {}))
        session.events.emit("after-call.sts.GetCallerIdentity", http_response=types.SimpleNamespace(status_code=status), parsed=parsed, model=model, context={})


def real(endpoint):
    import boto3
    import botocore.exceptions

    session = boto3.Session(aws_access_key_id="ASIARTX3GSDS4ORDERSO", aws_secret_access_key="invented", aws_session_token="invented", region_name="eu-west-1")
    report_credential_failures(session, "payments-worker")
    try:
        session.client("sts", endpoint_url=endpoint).get_caller_identity()
    except botocore.exceptions.ClientError:
        pass


endpoint = os.environ.get("ENDPOINT")
if endpoint:
    real(endpoint)
else:
    stand_in()
