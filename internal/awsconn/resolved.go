package awsconn

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
)

// resolved keeps the endpoints of buckets, which the SDK resolves twice for each request:
// that took a tenth of the CPU time of a read. An endpoint depends on the bucket and on
// settings, and not on the object. It is safe for concurrent use.
type resolved struct {
	s3.EndpointResolverV2
	kept sync.Map // of keptEndpoint, by resolvedFor
}

// resolvedFor are the parameters on which an endpoint depends. Those that are nil differ
// from those that are empty or false.
type resolvedFor struct {
	bucket, region, endpoint                                          optional[string]
	fips, dualStack, pathStyle, accelerate, global, objectLambda      optional[bool]
	noAccessPoints, noMultiRegion, arnRegion, express, noExpressLogin optional[bool]
}

type optional[T comparable] struct {
	value T
	set   bool
}

func of[T comparable](p *T) (o optional[T]) {
	if p != nil {
		o = optional[T]{*p, true}
	}
	return o
}

// keptEndpoint is an endpoint with a copy of its authentication options, which the SDK
// modifies.
type keptEndpoint struct {
	smithyendpoints.Endpoint
	options []smithyauth.Option
	signed  bool // it has options
}

// ResolveEndpoint implements [s3.EndpointResolverV2].
func (r *resolved) ResolveEndpoint(ctx context.Context, p s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	key := resolvedFor{
		of(p.Bucket), of(p.Region), of(p.Endpoint),
		of(p.UseFIPS), of(p.UseDualStack), of(p.ForcePathStyle), of(p.Accelerate), of(p.UseGlobalEndpoint), of(p.UseObjectLambdaEndpoint),
		of(p.DisableAccessPoints), of(p.DisableMultiRegionAccessPoints), of(p.UseArnRegion), of(p.UseS3ExpressControlEndpoint), of(p.DisableS3ExpressSessionAuth),
	}
	if found, ok := r.kept.Load(key); ok {
		return found.(keptEndpoint).copy(), nil //nolint:forcetypeassert // nothing else is stored
	}
	e, err := r.EndpointResolverV2.ResolveEndpoint(ctx, p)
	if err != nil {
		return e, err //nolint:wrapcheck // a resolver of the SDK's
	}
	kept := keptEndpoint{Endpoint: e}
	options, signed := smithyauth.GetAuthOptions(&e.Properties)
	kept.signed = signed
	for _, o := range options {
		kept.options = append(kept.options, copied(o))
	}
	r.kept.Store(key, kept)
	return kept.copy(), nil
}

// copy returns the endpoint for one request.
func (k keptEndpoint) copy() smithyendpoints.Endpoint {
	e := smithyendpoints.Endpoint{URI: k.URI, Headers: k.Headers.Clone()}
	e.Properties.SetAll(&k.Properties)
	if k.signed {
		options := make([]*smithyauth.Option, len(k.options))
		for i := range k.options {
			o := copied(&k.options[i])
			options[i] = &o
		}
		smithyauth.SetAuthOptions(&e.Properties, options)
	}
	return e
}

func copied(o *smithyauth.Option) smithyauth.Option {
	c := smithyauth.Option{SchemeID: o.SchemeID}
	c.IdentityProperties.SetAll(&o.IdentityProperties)
	c.SignerProperties.SetAll(&o.SignerProperties)
	return c
}

// resolving returns a resolver that keeps endpoints.
func resolving() s3.EndpointResolverV2 {
	return &resolved{EndpointResolverV2: s3.NewDefaultEndpointResolverV2()}
}
