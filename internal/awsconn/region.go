package awsconn

import (
	"errors"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// BucketRegion returns the region of a bucket from an error of S3, which refuses requests to
// another region's endpoint with status 301, or with 400 because of the region of their
// signature, and names the bucket's own in a header.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
func BucketRegion(err error) (region string, ok bool) {
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.HTTPResponse() == nil {
		return "", false
	}
	if s := response.HTTPStatusCode(); s != http.StatusMovedPermanently && s != http.StatusBadRequest {
		return "", false
	}
	region = response.HTTPResponse().Header.Get("X-Amz-Bucket-Region")
	return region, regionName.MatchString(region)
}
