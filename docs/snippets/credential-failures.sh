# Reports credential failures in a script's log, for the AWS command line.
#
#   export WORKLOAD=nightly-export
#   . ./credential-failures.sh
#   aws s3api list-buckets
#
# What aws prints is printed as before. A line is added to standard error for a
# call that AWS refuses for its credentials.

aws() {
  _aws_errors=$(mktemp) || return
  _aws_status=0
  command aws "$@" 2>"$_aws_errors" || _aws_status=$?
  cat "$_aws_errors" >&2
  report_credential_failure "$_aws_errors" "$@" >&2
  rm -f "$_aws_errors"
  return "$_aws_status"
}

# report_credential_failure FILE ARGUMENT… looks for aws's error in a file.
report_credential_failure() {
  _aws_refused=$(sed -n 's/.*An error occurred (\([A-Za-z]*\)) when calling the \([A-Za-z0-9]*\) operation.*/\1 \2/p' "$1" | head -n 1)
  shift
  case "${_aws_refused%% *}" in
  InvalidClientTokenId | UnrecognizedClientException | InvalidAccessKeyId | InvalidToken | AuthFailure) ;;
  ExpiredToken | ExpiredTokenException | TokenRefreshRequired | RequestExpired | RequestTimeTooSkewed) ;;
  SignatureDoesNotMatch | InvalidSignatureException | IncompleteSignature | MissingAuthenticationToken) ;;
  InvalidIdentityToken | IDPRejectedClaim | IDPCommunicationError) ;;
  *) return 0 ;;
  esac
  _aws_service=$1
  case "$_aws_service" in
  s3api) _aws_service=s3 ;;
  -*) _aws_service= ;; # options before the service: it is left out
  esac
  _aws_key=${AWS_ACCESS_KEY_ID:-}
  case " $* " in
  *" --profile "*) _aws_key= ;; # the profile's key is another one
  esac
  printf '{"trailverdict":"credential_failure","errorCode":"%s","operation":"%s:%s","accessKeyId":"%s","workload":"%s"}\n' \
    "${_aws_refused%% *}" "$_aws_service" "${_aws_refused#* }" "$_aws_key" "${WORKLOAD:-}"
}
