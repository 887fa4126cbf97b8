// Package events carries a few of the stories of this folder, so that the
// command can show what it does wherever it is installed.
package events

import (
	"embed"
	"io/fs"
)

// One story for each verdict, and two for the gravest.
//
//go:embed scenario/trust_opened-foreign-account.txtar
//go:embed scenario/sessions_revoked_by_stranger-client-reports.txtar
//go:embed scenario/unexplained_revocation-console.txtar
//go:embed scenario/session_token_missing-second-process.txtar
//go:embed scenario/refresh_bug-web-identity.txtar
//go:embed scenario/key_rotated-pipeline.txtar
var stories embed.FS

// Stories are the stories that are carried along.
func Stories() fs.FS { return stories }
