package ssmbakcli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// runDemoPage breaks parameters of an emulated AWS, and serves the page until ctx ends.
func (a *app) runDemoPage(ctx context.Context, open bool) error {
	w, err := a.newWorld(ctx, demoBucket, emulator.Options{
		SSM: ssmapi.Options{Trail: true}, TrailDelay: time.Second, Queue: emulator.QueueOptions{Visibility: 50 * time.Millisecond, MaxReceive: 3},
	})
	if err != nil {
		return err
	}
	d := &demo{app: a, world: w, ssm: w.conn.SSM()}
	if _, _, err := d.change(ctx); err != nil {
		return err
	}
	if err := w.reconcile(ctx); err != nil {
		return err
	}
	// A deletion is known to the second: what was before it is certain from then on.
	if err := d.wait(ctx, time.Until(time.Now().Truncate(time.Second).Add(time.Second))); err != nil {
		return err
	}
	if err := d.deploy(ctx); err != nil {
		return err
	}
	if _, err := d.mark(ctx); err != nil {
		return err
	}
	d.say("Now find the moment before the deployment, and take it back: the page begins there.")
	args := []string{"ui", demoPath, "--allow-restore"}
	if open {
		args = append(args, "--open")
	}
	d.command("ssmbak " + strings.Join(args, " "))
	recording, stop := context.WithCancel(ctx)
	var g sync.WaitGroup
	g.Go(func() { w.aws.Queue.Run(recording, w.batch) })
	env := d.inner(args)
	env.Stdout, env.Stderr = a.Stdout, a.Stderr
	code := Main(ctx, env)
	stop()
	g.Wait()
	if code != shell.Done {
		return &shell.Failure{Message: fmt.Sprintf("the page ended with exit code %d", code), Code: code}
	}
	return nil
}

// deploy changes and deletes parameters as another user.
func (d *demo) deploy(ctx context.Context) error {
	d.say("A deployment goes wrong: the user deploy overwrites parameters and deletes two of them.")
	o := connection(d.world.aws)
	o.HTTPClient = signedBy{d.world.aws.Client(), "deploy"}
	conn, err := awsconn.Load(ctx, o)
	if err != nil {
		return err
	}
	client := conn.SSM()
	for name, value := range map[string]string{demoPath + "/1": "broken", demoPath + "/deeper/1": "broken", demoPath + "/password": "hunter3"} {
		d.command(fmt.Sprintf("aws ssm put-parameter --overwrite --name %s --value %s", name, value))
		if _, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Overwrite: aws.Bool(true)}); err != nil {
			return err
		}
	}
	names := []string{demoPath + "/deeper/2", demoPath + "/deeper/3"}
	d.command("aws ssm delete-parameters --names " + strings.Join(names, " "))
	_, err = client.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: names})
	return err
}

// signedBy sends requests as another user of the emulated AWS, which takes the access key
// ID for the user's name.
type signedBy struct {
	aws.HTTPClient
	user string
}

// Do sends a request.
func (c signedBy) Do(r *http.Request) (*http.Response, error) {
	if signed, scope, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		_, scope, _ = strings.Cut(scope, "/")
		r.Header.Set("Authorization", signed+"Credential="+c.user+"/"+scope)
	}
	return c.HTTPClient.Do(r)
}
