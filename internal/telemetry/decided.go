package telemetry

import (
	"context"
	"log/slog"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Decided writes a line about a finding that was kept, and counts it if a limit
// left something out of it. SupersededBy is what stands in its place, if
// anything does. The finding's texts name people and machines, and stay out.
func Decided(ctx context.Context, log *slog.Logger, m *Meter, f incident.Finding, supersededBy string) {
	args := []any{
		Incident(f.ID), slog.Any("verdict", f.Verdict), slog.Any("cause", f.Cause), slog.String("severity", f.Severity.String()),
		slog.Any("status", f.Status), slog.Int("caps", len(f.Capped)),
	}
	if supersededBy != "" {
		args = append(args, slog.String("supersededBy", supersededBy))
	}
	log.InfoContext(ctx, "decided", args...)
	if len(f.Capped) > 0 {
		m.Add(CapsReached, 1)
	}
}
