package notify_test

import (
	"testing"

	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/notify/notifytest"
)

func TestMemory(t *testing.T) {
	notifytest.Run(t, func(*testing.T) notifytest.Store { return notify.NewMemory() })
}
