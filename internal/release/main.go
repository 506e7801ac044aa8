// Command release completes a directory with the programs of a release, see `make dist`:
// packages, archives, a Homebrew formula, a container image's definition, a bill of
// materials, licences, checksums and, if there is a key, a signature. The same programs
// give the same bytes. It must run in the root of the clone that they were built from.
//
// It must be linked with the version, revision and date of the programs. The environment
// variable SSMBAK_SIGNING_KEY may contain the key: an Ed25519 key in PEM, as made by
// `openssl genpkey -algorithm ed25519`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/ssmbak/ssmbak/internal/version"
)

func main() {
	formats := flag.String("formats", "deb,rpm", "comma-separated kinds of packages for Linux")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "release: error: give the directory with the programs, such as dist")
		os.Exit(2)
	}
	r, err := newRelease(flag.Arg(0), version.String(), version.Date())
	if err == nil {
		err = r.complete(context.Background(), strings.Split(*formats, ","), os.Getenv("SSMBAK_SIGNING_KEY"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release: error:", err)
		os.Exit(1)
	}
}

// release is a directory of programs and the files that are added to it.
type release struct {
	dir      string
	version  string // as in v1.2.3, or v0.0.0-devel
	date     time.Time
	programs []program
}

func newRelease(dir, version, date string) (*release, error) {
	r := &release{dir: dir, version: version}
	if !semver.IsValid(version) {
		r.version = "v0.0.0-devel"
	}
	var err error
	if r.date, err = time.Parse(time.RFC3339, date); err != nil {
		return nil, fmt.Errorf("link it with the date of the revision: %w", err)
	}
	r.date = r.date.UTC()
	r.programs, err = programs(dir)
	return r, err
}

// number returns the version without v.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

// complete adds all files.
func (r *release) complete(ctx context.Context, formats []string, key string) error {
	notices, err := r.notices(ctx)
	if err != nil {
		return err
	}
	shared, err := r.shared(ctx, notices)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return r.write("THIRD-PARTY-NOTICES", notices) },
		r.bill,
		func() error { return r.packages(ctx, formats, shared) },
		func() error { return r.archives(shared) },
		r.formula,
		r.container,
		r.sums,
		func() error { return r.sign(key) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
