package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows how far reading has come; without a terminal it shows nothing.
type bar struct{ *progressbar.ProgressBar }

// progress shows how much of total bytes is read; -1 where nobody knows how much
// is to come.
func (p *program) progress(total int64) bar {
	if !p.terminal(p.stderr) {
		return bar{}
	}
	return bar{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
	)}
}

func (b bar) add(n int) {
	if b.ProgressBar != nil {
		_ = b.Add(n) // a bar that cannot be drawn is no reason to stop
	}
}

func (b bar) finish() {
	if b.ProgressBar != nil {
		_ = b.Finish()
	}
}

// spinner shows what is being done, when nobody knows how much there is to do.
func (p *program) spinner() bar {
	if !p.terminal(p.stderr) {
		return bar{}
	}
	return bar{progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// tell shows what is being read. It may be called by several goroutines.
func (b bar) tell(what string) {
	if b.ProgressBar != nil {
		b.Describe("reading " + what)
		b.add(1)
	}
}
