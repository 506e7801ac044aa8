package ssmbakcli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// localBucket is the archive of the local AWS.
const localBucket = "ssmbak-local"

// localTrail is how late CloudTrail's events are on the local AWS. On AWS it is minutes.
const localTrail = 2 * time.Second

func (a *app) newLocalCommand() *cobra.Command {
	port := 4566
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Serve an emulated Parameter Store and S3 with the recorder",
		Long: `Serve an emulated Parameter Store, an emulated S3 with a versioned bucket, and
the real recorder on 127.0.0.1 until interrupted. All data is in memory. The
command prints environment variables for the AWS CLI and ssmbak: paste them into
another terminal.

AWS_ACCESS_KEY_ID is the name of the IAM user: with other names, several people change
parameters, and log, diff and undo say who. Any AWS_SECRET_ACCESS_KEY is valid. The
account has a trail: two seconds later log also says who deleted a parameter, or changed
its tags and labels.

ssmbak-stack works, too: ssmbak-stack ssmbak create makes a stack around the recorder,
which runs with and without one and logs into the log group of the stack. Only redrive
does not.`,
		Example: `  ssmbak local
  ssmbak local --port 4567
  AWS_ACCESS_KEY_ID=alice aws ssm put-parameter --name /app/db --value two --type String --overwrite`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if port < 0 || port > 65535 {
				return shell.Usage("use a port from 1 to 65535, or 0 for any free port", "invalid port %d", port)
			}
			return a.runLocal(cmd.Context(), port)
		},
	}
	cmd.Flags().IntVar(&port, "port", port, "the `PORT` to listen on; 0 means any free port")
	return cmd
}

func (a *app) runLocal(ctx context.Context, port int) error {
	reconcile := make(chan struct{}, 1)
	o := emulator.Options{SSM: ssmapi.Options{Trail: true}, TrailDelay: localTrail, Stack: emulator.StackOptions{Bucket: localBucket, Invoke: func(string, []byte) {
		select {
		case reconcile <- struct{}{}:
		default: // one waits already
		}
	}}}
	w, err := a.newWorld(ctx, localBucket, o)
	if err != nil {
		return err
	}
	url, stop, err := w.aws.Listen(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // the process ends with it
	if err := w.reconcile(ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, `export AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
export AWS_REGION=%s AWS_DEFAULT_REGION=%s
export SSMBAK_BUCKET=%s
`, url, localRegion, localRegion, localBucket)
	a.NoteFacts(shell.Facts{"Url": url}, "listening on %s; all data is in memory and lost on exit; press Ctrl-C to stop", url)

	var g sync.WaitGroup
	g.Go(func() { w.aws.Queue.Run(ctx, w.batch) })
	g.Go(func() { a.reconcileOften(ctx, w, reconcile) })
	g.Wait()
	return nil
}

// reconcileOften reconciles every minute and when the reconciler is invoked, so that the archive is complete up to a short
// time ago.
func (a *app) reconcileOften(ctx context.Context, w *world, invoked <-chan struct{}) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-invoked:
		}
		if ctx.Err() == nil {
			if err := w.reconcile(ctx); err != nil && ctx.Err() == nil {
				a.NoteFacts(shell.Facts{"Error": err.Error()}, "%v", err) // the next one may succeed
			}
		}
	}
}
