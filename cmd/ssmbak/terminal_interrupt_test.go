//go:build linux

package main_test

import (
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/extent"
)

// pagerInterrupted checks that the command does not end before its pager, which keeps the
// terminal when it is interrupted.
func pagerInterrupted(d *desk) {
	d.changed(1)
	pager := filepath.Join(d.TempDir(), "pager")
	d.Must(os.WriteFile(pager, []byte("#!/bin/sh\ntrap '' INT\ncat\nread key </dev/tty\necho \"got $key\"\n"), 0o700))
	term := d.sit([]string{"PATH=" + os.Getenv("PATH"), "SSMBAK_PAGER=" + pager}, "log", "/app/", "--oneline")
	term.await("Create /app/p00")
	term.types(interrupt)
	for range 20 { // more than one arrives after the first was handled
		d.Must(term.cmd.Process.Signal(os.Interrupt))
		time.Sleep(5 * time.Millisecond)
	}
	term.types("q\n")
	if screen := term.ends(0, "got q\n"); strings.Contains(screen, "interrupted") {
		d.Errorf("the interrupt of the pager is one of the command:\n%s", screen)
	}
}

// replacementAbandoned checks that a second interrupt names what is deleted at that moment,
// and that the printed restore brings it back.
func replacementAbandoned(d *desk) {
	d.replaced("/app/r")
	screen := abandoned(d)
	d.creates(screen, "hint: `ssmbak ([^`]+)` creates it again", "one")
}

// abandonedUndone checks that the printed undo brings back what a second interrupt left
// deleted.
func abandonedUndone(d *desk) {
	d.replaced("/app/r")
	screen := abandoned(d)
	d.creates(screen, "was stopped: `ssmbak ([^`]+)` undoes it", "two")
}

// creates runs the command that a screen names, and checks that it brings /app/r back with a
// value. It runs the command only with SSMBAK_LONG, since that waits for half a minute: AWS does
// not create a name right after its deletion.
func (d *desk) creates(screen, pattern, value string) {
	d.Helper()
	command := regexp.MustCompile(pattern).FindStringSubmatch(screen)
	if command == nil {
		d.Fatalf("no %q on the screen:\n%s", pattern, screen)
	}
	if !extent.Long() {
		return
	}
	d.later(1)
	d.sit(nil, append(strings.Fields(command[1]), "--yes")...).ends(0, "(?m)^restored 1, deleted 0,")
	if got := d.live()["/app/r"]; got != value {
		d.Errorf("%s left %q, want %q", command[1], got, value)
	}
}

// abandoned interrupts a replacement of /app/r twice, after its deletion.
func abandoned(d *desk) (screen string) {
	d.AWS.ResetCounts()
	term := d.sit(nil, "restore", "/app/", d.at(30), "--replace")
	term.await(`this restore replaces 1 parameter\nType "yes" to continue: `)
	term.types("yes\n")
	d.until(term, func() bool { return d.AWS.Counts()["ssm:DeleteParameters"] > 0 })
	term.types(interrupt)
	term.await(`/app/r is deleted and will be created again in (30|2[0-9])s`)
	term.types(interrupt)
	screen = term.ends(130, "currently deleted: /app/r\n", "\nrestore [0-9TZ]+-[0-9a-z]+ was stopped: `ssmbak undo [0-9TZ]+-[0-9a-z]+` undoes it\n",
		"ssmbak: error: interrupted again: stopped immediately\n", `hint: .ssmbak restore /app/ [-0-9]+T[0-9:.]+Z --replace. creates it again and finishes the rest`)
	if got := d.live(); len(got) != 0 {
		d.Errorf("it is there: %v", got)
	}
	return screen
}

// phasesInterrupted interrupts a restore, a revert and an undo while they wait for the first
// request of each kind, before they have written to Parameter Store.
func phasesInterrupted(d *desk) {
	d.changed(2)
	for _, test := range []struct{ service, op, key string }{
		{"sts", "GetCallerIdentity", ""},
		{"s3", "GetObject", ".ssmbak/archive"},
		{"s3", "GetObject", ".ssmbak/index/"},
		{"ssm", "DescribeParameters", ""},
		{"s3", "PutObject", ".ssmbak/restores/"},
	} {
		d.phaseInterrupted(test.service, test.op, test.key, "restore", "/app/", d.at(30))
	}
	d.phaseInterrupted("s3", "PutObject", ".ssmbak/restores/", "revert", "/app/", d.at(30), d.at(65))
	d.AWS.Clock.Set(time.Now()) // an undo compares the times of the restore with those of versions
	d.sit(nil, "restore", "/app/", d.at(30), "--yes").ends(0)
	d.phaseInterrupted("s3", "GetObject", ".ssmbak/restores/", "undo", "last")
	d.phaseInterrupted("s3", "PutObject", ".ssmbak/restores/", "undo", "last")
}

// phaseInterrupted interrupts a command while it waits for a request, before it has written to
// Parameter Store.
func (d *desk) phaseInterrupted(service, op, key string, args ...string) {
	d.Helper()
	d.AWS.ResetCounts()
	var waits atomic.Bool
	reached := func(*http.Request) bool { waits.Store(true); return true }
	d.AWS.Faults.Add(emulator.Rule{Service: service, Op: op, KeyPrefix: key, If: reached, Fault: emulator.Fault{Hang: true}})
	term := d.sit(nil, append(args, "--yes")...)
	d.until(term, waits.Load)
	term.types(interrupt)
	screen := term.ends(130, "ssmbak: error: interrupted\nhint: nothing was changed\n")
	d.AWS.Faults.Clear()
	if n := d.AWS.Counts()["ssm:PutParameter"]; n != 0 || strings.Contains(screen, "ssmbak undo") {
		d.Errorf("%q: %d parameters were written\n%s", args, n, screen)
	}
}

// unrecordedAbandoned interrupts a restore without an archive of its own twice, after a
// deletion: the command that brings the parameter back is printed nevertheless.
func unrecordedAbandoned(d *desk) {
	d.replaced("/app/r")
	d.AWS.ResetCounts()
	term := d.sit(nil, "restore", "/app/", d.at(30), "--replace", "--bucket", "backup", "--into", "123456789012/us-east-1", "--without-archive")
	term.await(`Type 123456789012 to continue: `)
	term.types("123456789012\n")
	d.until(term, func() bool { return d.AWS.Counts()["ssm:DeleteParameters"] > 0 })
	term.types(interrupt)
	term.await(`/app/r is deleted and will be created again in (30|2[0-9])s`)
	term.types(interrupt)
	screen := term.ends(130, "currently deleted: /app/r\n", "ssmbak: error: interrupted again: stopped immediately\nhint: `ssmbak restore [^`]*` creates it again and finishes the rest")
	d.creates(screen, "hint: `ssmbak ([^`]+)`", "one")
}

// until waits for a condition, as long as the command runs.
func (d *desk) until(term *terminal, holds func() bool) {
	d.Helper()
	for !holds() {
		select {
		case <-term.done:
			d.Fatalf("the command ended:\n%s", term.screen())
		case <-time.After(time.Millisecond):
		}
	}
}

// hungUp checks that a terminal that is closed interrupts a restore, and does not kill it.
func hungUp(d *desk) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup, programs that are started would ignore it
	d.changed(40)
	term := d.sit(nil, "restore", "/app/", d.at(30), "--yes", "--max-rate", "2")
	term.await("[1-9][0-9]* of 40")
	d.Must(term.tty.Close())
	term.ends(130)
	if stdout, _ := d.runs(0, "", "undo"); !regexp.MustCompile(`\| restored [0-9]+, failed [0-9]+ +\|`).MatchString(stdout) {
		d.Errorf("the restore was not completed:\n%s", stdout)
	}
}
