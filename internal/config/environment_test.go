package config

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestLoadEnv(t *testing.T) {
	got, err := LoadEnv(lookupIn(map[string]string{
		EnvTable: "table", EnvFindingsTopic: "findings", EnvChatTopic: "chat", EnvEmailTopic: "mail", EnvEventBus: "bus", EnvQueue: "queue",
		EnvConfigFile: "file", EnvReportBucket: "bucket", EnvLookups: "on", EnvMetrics: "on", EnvLogLevel: "warn", EnvReportLink: "24",
		EnvForwarded: "us-east-1,eu-west-1", EnvRouteTopics: "soc=tv-ToSoc,chat=tv-ToChat",
	}), EnvTable, EnvQueue)
	want := Env{
		Table: "table", FindingsTopic: "findings", ChatTopic: "chat", EmailTopic: "mail", EventBus: "bus", Queue: "queue",
		ConfigFile: "file", ReportBucket: "bucket", Lookups: true, Metrics: true, LogLevel: slog.LevelWarn, ReportLink: 24 * time.Hour,
		Forwarded:   []string{"us-east-1", "eu-west-1"},
		RouteTopics: map[string]string{"soc": "tv-ToSoc", "chat": "tv-ToChat"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("LoadEnv (-want +got):\n%s%v", diff, err)
	}
	if got, err := LoadEnv(lookupIn(nil)); err != nil || !cmp.Equal(got, Env{}) {
		t.Errorf("an empty environment gives %+v, %v; want the zero one, as nothing is required", got, err)
	}
}

func TestLoadEnvNamesAllThatIsWrong(t *testing.T) {
	_, err := LoadEnv(lookupIn(map[string]string{EnvTable: "", EnvMetrics: "secret-1", EnvLogLevel: "secret-2", EnvReportLink: "169", EnvRouteTopics: "secret-3", EnvChatTopic: "chat"}), EnvTable, EnvQueue, EnvChatTopic)
	want := "TRAILVERDICT_METRICS is neither on nor off\nTRAILVERDICT_LOG_LEVEL is none of debug, info, warn and error\nTRAILVERDICT_REPORT_LINK_HOURS is no number of hours from 1 to 168\nTRAILVERDICT_ROUTE_TOPICS is not made of pairs such as route=topic, separated by commas\nthe environment lacks TRAILVERDICT_TABLE, TRAILVERDICT_QUEUE_URL"
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}
