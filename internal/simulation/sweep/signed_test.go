package sweep

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/signkey"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
	"github.com/ssmbak/ssmbak/timeline"
)

// signing is how the archive of a world is signed.
type signing struct {
	arn   string // of the key, "" if nothing is signed
	since time.Time
	key   *signkey.Key // its requests never fail
	// known is the line of a checkpoint that was kept.
	known archive.CheckpointLine
}

// sign makes the functions that start from now on sign.
func (w *world) sign() {
	w.Helper()
	w.signing.arn, w.signing.since = w.AWS.CreateSigningKey(), time.Now().UTC().Truncate(time.Second)
	w.signing.key = w.loadKey(w.Context(), w.conn)
}

// loadKey returns the key of the archive, nil if it cannot be read.
func (w *world) loadKey(ctx context.Context, conn *awsconn.Conn) *signkey.Key {
	key, err := signkey.Load(ctx, kms.NewFromConfig(conn.Config()), w.signing.arn)
	if err != nil {
		return nil
	}
	return key
}

// keep keeps the line of the newest checkpoint.
func (w *world) keep() {
	w.Helper()
	c, exists, err := w.archive().LastCheckpoint(w.Context())
	w.must(err)
	if !exists {
		w.Fatal("there is no checkpoint")
	}
	w.signing.known = c.Line()
}

// checkCheckpoint demands that there is a younger checkpoint than the one that was kept.
func (w *world) checkCheckpoint() {
	c, exists, err := w.archive().LastCheckpoint(w.Context())
	if err != nil || !exists || c.Sequence <= w.signing.known.Sequence {
		w.Problem("the newest checkpoint is %v, after %v was kept: %v", c.Line(), w.signing.known, err)
	}
}

// TestReconcileSigned sweeps a reconcile of a signed archive, which signs indexes that it
// writes or restores, what it proved, and a checkpoint. The next one heals: readers with the
// public key then call everything proved, and the chain of checkpoints holds.
func TestReconcileSigned(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(w *world) {
			w.sign()
			w.record(w.calm(), func() {
				w.put("/app/a", "a1")
				w.put("/app/hidden", "h1")
				w.put("/app/secret", "s1", secret)
			})
			w.must(second(w.reconcile(w.calm())))
			time.Sleep(time.Hour)
			w.lossy.Store(true)
			w.put("/app/a", "a2")
			w.remove("/app/secret")
			w.put("/app/new", "n1", secret)
			w.lossy.Store(false)
			w.hide(".ssmbak/index/app/hidden")
			w.keep()
		},
		run: func(w *world, p *process) { _, _ = w.reconcile(p) }, // an error is allowed
		heal: func(w *world) {
			w.must(second(w.reconcile(w.calm())))
			w.checkCheckpoint()
		},
		every: 10,
	}.sweep(t)
}

const (
	leaked   = "4111-1111"
	leakedIn = "/app/card"
)

// redact removes the leaked value as the command does.
func (w *world) redact(p *process) error {
	conn := p.connect()
	a, err := w.open(p.Context(), conn)
	if err != nil {
		return err
	}
	key := w.loadKey(p.Context(), conn)
	if key == nil {
		return fmt.Errorf("key %s cannot be read", w.signing.arn)
	}
	a.SignWith(key)
	x, err := a.Index(p.Context(), leakedIn)
	if err != nil {
		return err
	}
	r := recorder.New(a, paramstore.New(conn.SSM(), paramstore.Options{}), recorder.Options{Account: account, Region: region})
	done, err := r.Redact(p.Context(), leakedIn, x.Facts.Versions[0], timeline.Redaction{At: ssmbak.TimeOf(time.Now()), By: caller})
	if err == nil && len(done.Kept) > 0 {
		err = fmt.Errorf("%d copies remain", len(done.Kept))
	}
	return err
}

// checkRedacted demands that the leaked value is nowhere in the bucket.
func (w *world) checkRedacted(when string) {
	for _, v := range w.AWS.S3.Versions(bucket, leakedIn) {
		if bytes.Contains(v.Body, []byte(leaked)) {
			w.Problem("%s, object version %s of %s holds the value", when, v.VersionID, leakedIn)
		}
	}
}

// TestRedact sweeps the redaction of a value in a signed archive with checkpoints. The same
// command heals, after which a reconcile does not record the value again, although Parameter
// Store still has it.
func TestRedact(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(w *world) {
			w.sign()
			w.record(w.calm(), func() {
				w.put(leakedIn, leaked, secret)
				w.put("/app/other", "one")
			})
			w.must(second(w.reconcile(w.calm())))
			w.record(w.calm(), func() { w.put(leakedIn, "safe", secret) })
			time.Sleep(time.Hour)
			w.keep()
		},
		run: func(w *world, p *process) {
			if w.redact(p) == nil {
				w.checkRedacted("after a redaction that succeeded")
			}
		},
		heal: func(w *world) {
			time.Sleep(15 * time.Minute)
			w.must(w.redact(w.calm()))
			w.must(second(w.reconcile(w.calm())))
			w.record(w.calm(), func() { w.put(leakedIn, "third", secret) })
			w.checkRedacted("after a reconcile")
			w.checkCheckpoint()
			w.redacted = 1
		},
	}.sweep(t)
}
