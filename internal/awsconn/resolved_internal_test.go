package awsconn

import (
	"reflect"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
)

// TestResolved compares the kept endpoints with those that the SDK resolves, for each
// combination of the settings, and for objects with other keys.
func TestResolved(t *testing.T) {
	t.Parallel()
	plain, keeping := s3.NewDefaultEndpointResolverV2(), resolving()
	both := []*bool{aws.Bool(false), aws.Bool(true)}
	for _, bucket := range []*string{nil, aws.String("archive"), aws.String("archive.with.dots"), aws.String("archive--use1-az4--x-s3"), aws.String("arn:aws:s3:us-east-1:123456789012:accesspoint:point"), aws.String("arn:aws:s3:us-west-2:123456789012:accesspoint:point")} {
		for _, region := range []*string{aws.String("us-east-1"), aws.String("eu-central-1"), aws.String("cn-north-1"), aws.String("aws-global")} {
			for _, endpoint := range []*string{nil, aws.String("http://127.0.0.1:4566"), aws.String("https://s3.example.com/below")} {
				for n := range 64 {
					p := s3.EndpointParameters{
						Bucket: bucket, Region: region, Endpoint: endpoint,
						UseFIPS: both[n&1], UseDualStack: both[n>>1&1], ForcePathStyle: both[n>>2&1], Accelerate: both[n>>3&1],
						UseArnRegion: both[n>>4&1], DisableS3ExpressSessionAuth: both[n>>5&1], DisableMultiRegionAccessPoints: both[0],
					}
					for _, key := range []*string{nil, aws.String("/app/db"), aws.String(".ssmbak/archive")} {
						p.Key, p.Prefix = key, key
						want, wantErr := plain.ResolveEndpoint(t.Context(), p)
						got, err := keeping.ResolveEndpoint(t.Context(), p)
						if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
							t.Fatalf("%+v: %v, want %v", p, err, wantErr)
						}
						if err == nil && (want.URI != got.URI || !reflect.DeepEqual(want.Properties.Values(), got.Properties.Values()) || len(want.Headers) != len(got.Headers)) {
							t.Fatalf("%s in %s, %06b: %+v, want %+v", aws.ToString(bucket), *region, n, got, want)
						}
					}
				}
			}
		}
	}
}

// TestClientKeepsEndpoints checks that the clients of S3 use the resolver that keeps endpoints.
func TestClientKeepsEndpoints(t *testing.T) {
	t.Parallel()
	for name, endpoint := range map[string]string{"AWS": "", "elsewhere": "https://s3.example.com"} {
		conn, err := Load(t.Context(), Options{Anonymous: true, Region: "us-east-1", EndpointURL: endpoint})
		if err != nil {
			t.Fatal(err)
		}
		if r := conn.S3().Options().EndpointResolverV2; reflect.TypeOf(r) != reflect.TypeFor[*resolved]() {
			t.Errorf("%s: a %T resolves the endpoint of each request", name, r)
		}
	}
}

// TestResolvedIsNotShared checks that what the SDK does to an endpoint changes no other.
func TestResolvedIsNotShared(t *testing.T) {
	t.Parallel()
	keeping := resolving()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				e, err := keeping.ResolveEndpoint(t.Context(), s3.EndpointParameters{Bucket: aws.String("archive"), Region: aws.String("us-east-1")})
				options, ok := smithyauth.GetAuthOptions(&e.Properties)
				if err != nil || !ok || options[0].SchemeID != "aws.auth#sigv4" && options[0].SchemeID != "sigv4" {
					t.Errorf("%v, %v", err, options)
					return
				}
				options[0].SchemeID = "changed"
				options[0].SignerProperties.Set("a", "b")
				e.Properties.Set("a", "b")
				e.URI.Path = "/changed"
			}
		})
	}
	wg.Wait()
}
