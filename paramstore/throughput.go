package paramstore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// The rates of PutParameter per second, without and with higher throughput.
// https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944
const (
	usualRate  = 3
	higherRate = 10
)

// throughputSetting is the setting of the account that says which rate applies.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-throughput.html
const throughputSetting = "/ssm/parameter-store/high-throughput-enabled"

// WriteRate returns how many versions per second the account can write. With an error, which
// may be that the caller lacks ssm:GetServiceSetting, it is the rate without higher throughput.
func WriteRate(ctx context.Context, client *ssm.Client) (float64, error) {
	out, err := client.GetServiceSetting(ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(throughputSetting)})
	if err != nil {
		return usualRate, fmt.Errorf("read the setting %s: %w", throughputSetting, err)
	}
	if out.ServiceSetting != nil && aws.ToString(out.ServiceSetting.SettingValue) == "true" {
		return higherRate, nil
	}
	return usualRate, nil
}
