package ssmapi

import "strconv"

const throughputSetting = "/ssm/parameter-store/high-throughput-enabled"

type getServiceSettingInput struct{ SettingId string }

// getServiceSetting knows one setting of Parameter Store.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetServiceSetting.html
func (s *Store) getServiceSetting(in *getServiceSettingInput) (any, error) {
	if in.SettingId != throughputSetting {
		return nil, refuse("ServiceSettingNotFound", "The specified service setting was not found: %s", in.SettingId)
	}
	return map[string]any{"ServiceSetting": map[string]string{
		"SettingId": throughputSetting, "SettingValue": strconv.FormatBool(s.opt.HigherThroughput),
	}}, nil
}
