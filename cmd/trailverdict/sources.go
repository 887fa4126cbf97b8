package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/trailverdict/trailverdict/internal/aws/trailbucket"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/replay"
)

// sources are the inputs of a replay.
type sources struct {
	all  iter.Seq2[replay.Input, error]
	size int64 // of all of them; -1 if it is not known
}

// selection is which log files of buckets are wanted.
type selection struct {
	since, until      moment
	accounts, regions []string
}

func (s *selection) add(f *pflag.FlagSet) {
	f.Var(&s.since, "since", "read log files of s3:// from the day of TIME on, or of so long ago")
	f.Var(&s.until, "until", "read log files of s3:// up to the day of TIME, and the next, as events may be late")
	f.StringSliceVar(&s.accounts, "account", nil, "read log files of s3:// of these `ACCOUNTS` alone")
	f.StringSliceVar(&s.regions, "region", nil, "read log files of s3:// of these `REGIONS` alone")
}

func (s selection) empty() bool {
	return !s.since.isSet() && !s.until.isSet() && len(s.accounts)+len(s.regions) == 0
}

// sources finds what paths stand for. A bucket is listed while it is read.
func (p *program) sources(ctx context.Context, paths []string, o replayOptions) (sources, error) {
	var local, remote []string
	for _, path := range paths {
		if address, ok := strings.CutPrefix(path, trailbucket.Scheme); ok {
			if address == "" || address[0] == '/' {
				return sources{}, usageError{fmt.Errorf("%s names no bucket: expected s3://bucket/prefix", path)}
			}
			remote = append(remote, path)
		} else {
			local = append(local, path)
		}
	}
	if len(remote) == 0 && (!o.selection.empty() || o.resume != "") {
		return sources{}, usageError{errors.New("--since, --until, --account, --region and --resume are for an s3:// path")}
	}
	inputs, err := p.inputs(local)
	if err != nil || len(remote) == 0 {
		return sources{replay.All(inputs), totalSize(inputs)}, err
	}
	lists := []iter.Seq2[replay.Input, error]{replay.All(inputs)}
	for _, address := range remote {
		b, err := trailbucket.Open(ctx, address, p.getenv)
		if err != nil {
			return sources{}, err
		}
		lists = append(lists, objects(ctx, b, o.selection))
	}
	return sources{concat(lists), -1}, nil
}

// of is what is wanted of a bucket. Files lie under days, so that times are those
// of their days. That of until is included.
func (s selection) of(now time.Time) trailbucket.Selection {
	const day = 24 * time.Hour
	end := s.until.or(now)
	wanted := trailbucket.Selection{Since: s.since.before(end).Truncate(day), Accounts: s.accounts, Regions: s.regions}
	if s.until.isSet() {
		wanted.Until = end.Truncate(day).Add(day)
	}
	return wanted
}

// objects are the inputs of a bucket.
func objects(ctx context.Context, b *trailbucket.Bucket, s selection) iter.Seq2[replay.Input, error] {
	wanted := s.of(time.Now())
	return func(yield func(replay.Input, error) bool) {
		for o, err := range b.Objects(ctx, wanted) {
			name := b.Address(o)
			in := replay.Remote(name, name+" "+o.ETag, o.Size, func() (io.ReadCloser, error) { return b.Read(ctx, o) })
			if !yield(in, err) {
				return
			}
		}
	}
}

func concat(lists []iter.Seq2[replay.Input, error]) iter.Seq2[replay.Input, error] {
	return func(yield func(replay.Input, error) bool) {
		for _, list := range lists {
			for in, err := range list {
				if !yield(in, err) {
					return
				}
			}
		}
	}
}

// totalSize is -1 where nobody knows how much is to come.
func totalSize(inputs []replay.Input) int64 {
	total := int64(0)
	for _, in := range inputs {
		if in.Size < 0 {
			return -1
		}
		total += in.Size
	}
	return total
}

// openJournal opens the journal of a replay. What is kept there depends on the
// program and on who writes to which log group.
func openJournal(path string, c config.Config) (*replay.Journal, error) {
	writers, err := json.Marshal(c.LogGroups)
	if err != nil {
		return nil, err
	}
	j, err := replay.OpenJournal(path, fmt.Sprintf("trailverdict %s %s", version(), writers))
	if err != nil {
		return nil, usageError{err}
	}
	return j, nil
}
