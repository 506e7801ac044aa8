package ssmbakcli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/spf13/cobra"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// localBucket is the archive of the local AWS.
const localBucket = "ssmbak-local"

func (a *app) newLocalCommand() *cobra.Command {
	port := 4566
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Serve a Parameter Store, an S3 and the recorder on this machine",
		Long: `Serve a Parameter Store, an S3 with a versioned bucket, and the real recorder on
127.0.0.1, until it is interrupted. Everything is kept in memory. It prints the
lines that point the AWS CLI and ssmbak at it; paste them into another terminal.`,
		Example: `  ssmbak local
  ssmbak local --port 4567`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if port < 0 || port > 65535 {
				return shell.Usage("a port is a number up to 65535; 0 takes a free one", "--port %d is no port", port)
			}
			return a.runLocal(cmd.Context(), port)
		},
	}
	cmd.Flags().IntVar(&port, "port", port, "the `PORT` to listen on; 0 takes a free one")
	return cmd
}

func (a *app) runLocal(ctx context.Context, port int) error {
	w, err := a.newWorld(ctx, localBucket, emulator.QueueOptions{})
	if err != nil {
		return err
	}
	url, stop, err := w.aws.Listen(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // the process ends with it
	_, err = w.conn.SSM().PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(pointer), Value: aws.String(localBucket), Type: types.ParameterTypeString,
		Description: aws.String("the bucket in which ssmbak keeps its archive"),
	})
	if err != nil {
		return err
	}
	if err := w.reconcile(ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, `export AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
export AWS_REGION=%s AWS_DEFAULT_REGION=%s
export SSMBAK_BUCKET=%s
`, url, localRegion, localRegion, localBucket)
	a.Note("listening on %s until it is interrupted; everything is kept in memory only", url)

	var g sync.WaitGroup
	g.Go(func() { w.aws.Queue.Run(ctx, w.batch) })
	g.Go(func() { a.reconcileOften(ctx, w) })
	g.Wait()
	return nil
}

// reconcileOften makes a complete listing every minute, so that the archive is
// known to be complete up to a short time ago.
func (a *app) reconcileOften(ctx context.Context, w *world) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := w.reconcile(ctx); err != nil && ctx.Err() == nil {
				a.Note("%v", err) // the next one may succeed
			}
		}
	}
}
