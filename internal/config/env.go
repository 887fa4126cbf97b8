package config

// The names of the environment variables by which the stack tells the functions
// what they need. infra sets them and the functions read them; nothing else
// knows them.
const (
	// EnvTable is the name of the table that holds evidence and findings.
	EnvTable = "TRAILVERDICT_TABLE"
	// EnvFindingsTopic is the ARN of the topic that carries findings as JSON with
	// message attributes, for machines and for routes.
	EnvFindingsTopic = "TRAILVERDICT_FINDINGS_TOPIC_ARN"
	// EnvChatTopic is the ARN of the topic whose messages chat clients render.
	// Optional: without it nothing is sent to chat.
	EnvChatTopic = "TRAILVERDICT_CHAT_TOPIC_ARN"
	// EnvEmailTopic is the ARN of the topic whose messages people read as mail.
	// Optional: without it no mail is sent.
	EnvEmailTopic = "TRAILVERDICT_EMAIL_TOPIC_ARN"
	// EnvRouteTopics are the topics of routes that have one of their own:
	// route=name, separated by commas. Optional.
	EnvRouteTopics = "TRAILVERDICT_ROUTE_TOPICS"
	// EnvEventBus is the name or ARN of the event bus that findings are put on.
	// Optional: without it none are.
	EnvEventBus = "TRAILVERDICT_EVENT_BUS"
	// EnvQueue is the URL of the queue of signals, which intake fills and detect
	// empties.
	EnvQueue = "TRAILVERDICT_QUEUE_URL"
	// EnvConfigFile is the path of the packed configuration beside the function.
	// Optional: without it the defaults hold.
	EnvConfigFile = "TRAILVERDICT_CONFIG_FILE"
	// EnvReportBucket is the bucket that reports are kept in.
	EnvReportBucket = "TRAILVERDICT_REPORT_BUCKET"
	// EnvReportLink is for how many hours the link to a report works, at most.
	// Optional.
	EnvReportLink = "TRAILVERDICT_REPORT_LINK_HOURS"
	// EnvForwarded names the Regions that forward events, by commas. Optional.
	EnvForwarded = "TRAILVERDICT_FORWARDED_REGIONS"
	// EnvLookups says whether CloudTrail's event history is asked for what did
	// not arrive: on or off.
	EnvLookups = "TRAILVERDICT_LOOKUPS"
	// EnvMetrics says whether functions write metrics into their logs: on or off.
	EnvMetrics = "TRAILVERDICT_METRICS"
	// EnvLogLevel is the least level that is logged: debug, info, warn or error.
	EnvLogLevel = "TRAILVERDICT_LOG_LEVEL"
)
