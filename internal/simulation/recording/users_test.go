package recording

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
)

// users make the plan's changes.
func (w *world) users() {
	ctx := context.Background()
	var clients []*ssm.Client
	for _, user := range []string{"alice", "bob"} {
		clients = append(clients, w.Connect(ctx, asUser{w.AWS.Client(), user}, 0).SSM())
	}
	for _, c := range w.plan.Changes {
		time.Sleep(time.Until(w.Start.Add(c.At)))
		err := w.user(clients[w.Draw("user", len(clients))], c)
		var full *types.ParameterMaxVersionLimitExceeded
		switch {
		case errors.As(err, &full):
			w.Counts.Add(LabelBlocks)
		case err != nil && !refused(err):
			w.Problem("the plan's change %v: %v", c, err)
		}
	}
}

// user makes one change.
func (w *world) user(client *ssm.Client, c Change) (err error) {
	ctx := context.Background()
	switch c.Op {
	case Put:
		in := &ssm.PutParameterInput{Name: &c.Name, Value: &c.Value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		if c.Secret {
			in.Type = types.ParameterTypeSecureString
		}
		if c.Expires {
			in.Tier = types.ParameterTierAdvanced
			in.Policies = aws.String(fmt.Sprintf(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":%q}}]`, time.Now().Add(time.Second).UTC().Format("2006-01-02T15:04:05.000Z")))
		}
		_, err = client.PutParameter(ctx, in)
	case Delete:
		_, err = client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &c.Name})
	case Tag:
		_, err = client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &c.Name,
			Tags: []types.Tag{{Key: aws.String("t"), Value: &c.Value}, {Key: aws.String("u"), Value: &c.Value}},
		})
	case Untag:
		_, err = client.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &c.Name, TagKeys: []string{"u"},
		})
	case Label:
		_, err = client.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: &c.Name, ParameterVersion: &c.Number, Labels: []string{"prod", c.Value}})
	case Unlabel:
		out, unlabelErr := client.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: &c.Name, ParameterVersion: &c.Number, Labels: []string{c.Value}})
		if err = unlabelErr; err == nil && len(out.RemovedLabels) > 0 {
			w.mu.Lock()
			w.labelLost["/"+strings.TrimPrefix(c.Name, "/")] = true // there is no event
			w.mu.Unlock()
			w.Counts.Add(Unlabelled)
		}
	case Expire:
		w.ssm.Expire(time.Now())
	}
	return err
}

// refused reports whether Parameter Store rejected a change, since a plan does not know
// exactly what exists at that time.
func refused(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api)
}

// hurt adds a delete marker to an index, as could happen by mistake, and rebuilds the index
// after a while.
func (w *world) hurt(ctx context.Context) {
	time.Sleep(time.Until(w.Start.Add(w.plan.Hurt)))
	conn := w.connect(ctx)
	name := w.plan.Changes[0].Name
	key := ".ssmbak/index/" + strings.TrimPrefix(name, "/")
	if top := w.AWS.S3.Versions(bucket, key); len(top) == 0 || top[0].Marker {
		return
	}
	if _, err := conn.S3().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
		w.Problem("delete an index: %v", err)
		return
	}
	w.Counts.Add(IndexUnderMarker)
	time.Sleep(2 * time.Minute)
	a, err := w.open(ctx, conn)
	if err != nil {
		w.Problem("open the archive: %v", err)
		return
	}
	name = "/" + strings.TrimPrefix(name, "/")
	r, err := a.Reindex(ctx, ssmbak.Name(name))
	if err != nil {
		w.Problem("rebuild the index of %s: %v", name, err)
	}
	if !r.Rebuilt {
		// A writer that was paused since before the first index was written has
		// laid a new one over the marker. What only the old one knew is lost.
		w.mu.Lock()
		w.lost[name], w.tagLost[name], w.labelLost[name] = true, true, true
		w.mu.Unlock()
	}
}
