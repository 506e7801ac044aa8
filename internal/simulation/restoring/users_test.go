package restoring

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// change makes one random change.
func (s *story) change(name string) {
	cur := s.now(name)
	n := s.rand.IntN(20)
	switch {
	case !cur.live || n < 9:
		s.putRandom(name, cur)
	case n < 11:
		s.user(name, "delete", func() error {
			_, err := s.account.SSM.DeleteParameter(s.account.Context(), &ssm.DeleteParameterInput{Name: &name})
			return err
		})
		if s.chance(3) {
			time.Sleep(time.Duration(1+s.rand.IntN(3000)) * time.Millisecond)
			s.putRandom(name, s.now(name))
		}
	case n < 14:
		key, value := []string{"env", "team", "cost"}[s.rand.IntN(3)], []string{"", "prod", "dev"}[s.rand.IntN(3)]
		s.user(name, fmt.Sprintf("tag %s=%q of", key, value), func() error { return s.tagged(name, key, value) })
	case n == 14:
		key := []string{"env", "team", "cost"}[s.rand.IntN(3)]
		s.user(name, "untag "+key+" of", func() error {
			_, err := s.account.SSM.RemoveTagsFromResource(s.account.Context(), &ssm.RemoveTagsFromResourceInput{ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: []string{key}})
			return err
		})
	case n < 18:
		label, number := []string{"blue", "green", "red"}[s.rand.IntN(3)], max(1, cur.Version-s.rand.Int64N(4))
		s.user(name, fmt.Sprintf("label %s on version %d of", label, number), func() error { return s.labelled(name, number, label) })
	case n == 18:
		for label, number := range cur.Labels {
			s.unlabelled[name] = true
			s.user(name, fmt.Sprintf("take label %s from version %d of", label, number), func() error {
				_, err := s.account.SSM.UnlabelParameterVersion(s.account.Context(), &ssm.UnlabelParameterVersionInput{Name: &name, ParameterVersion: &number, Labels: []string{label}})
				return err
			})
			break
		}
	case s.chance(8):
		s.crowd(name)
	default:
		s.putRandom(name, cur)
	}
}

func (s *story) tagged(name, key, value string) error {
	_, err := s.account.SSM.AddTagsToResource(s.account.Context(), &ssm.AddTagsToResourceInput{
		ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, Tags: []types.Tag{{Key: &key, Value: &value}},
	})
	return err
}

func (s *story) labelled(name string, number int64, label string) error {
	_, err := s.account.SSM.LabelParameterVersion(s.account.Context(), &ssm.LabelParameterVersionInput{Name: &name, ParameterVersion: &number, Labels: []string{label}})
	return err
}

// crowd fills a parameter with as many versions as Parameter Store keeps, or some
// more, and mostly labels the oldest.
func (s *story) crowd(name string) {
	s.Event("crowd %s", name)
	tier := types.ParameterTier(s.now(name).Tier)
	for range 101 {
		cur := s.now(name)
		if cur.Version >= 100 && s.chance(2) {
			break
		}
		if _, blocked := oldestLabel(cur); blocked {
			break
		}
		if cur.Type == "StringList" {
			tier = ""
		}
		value := fmt.Sprint(secretMark, "-", cur.Version)
		s.as(users, []string{name}, func() {
			_, _ = s.account.SSM.PutParameter(s.account.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Tier: tier, Overwrite: aws.Bool(true), Policies: aws.String("[{}]")})
		})
		time.Sleep(20 * time.Millisecond)
	}
	if cur := s.now(name); !s.chance(3) {
		number := max(1, cur.Version-99)
		s.user(name, fmt.Sprintf("label old on version %d of", number), func() error { return s.labelled(name, number, "old") })
	}
	time.Sleep(time.Minute)
	s.drain()
}

// oldestLabel reports whether as many versions are kept as can be, and a label is
// on the oldest.
func oldestLabel(x snapshot) (label string, blocked bool) {
	for label, number := range x.Labels {
		if x.live && x.Version >= 100 && number == x.Version-99 {
			return label, true
		}
	}
	return "", false
}

// putRandom puts a version with random attributes.
func (s *story) putRandom(name string, cur snapshot) {
	in := &ssm.PutParameterInput{Name: &name, Overwrite: aws.Bool(true)}
	in.Type = []types.ParameterType{types.ParameterTypeString, types.ParameterTypeString, types.ParameterTypeSecureString, types.ParameterTypeSecureString, types.ParameterTypeStringList}[s.rand.IntN(5)]
	if cur.live && !s.chance(5) {
		in.Type = types.ParameterType(cur.Type)
	}
	value := fmt.Sprint(secretMark, "-", s.rand.IntN(5))
	in.Tier = types.ParameterTierStandard
	if cur.live && cur.Tier == "Advanced" || s.chance(5) {
		in.Tier = types.ParameterTierAdvanced
	}
	switch {
	case in.Type == types.ParameterTypeStringList:
		value += "," + value
	case in.Type == types.ParameterTypeSecureString:
		if key := []string{"", "alias/k1", "alias/k2"}[s.rand.IntN(3)]; key != "" {
			in.KeyId = &key
		}
	case !cur.live && s.chance(3) || s.chance(12) || cur.live && cur.DataType == "aws:ec2:image" && !s.chance(4):
		in.DataType = aws.String("aws:ec2:image")
		value = fmt.Sprintf("ami-0123456%d", s.rand.IntN(9))
	case s.chance(12):
		in.DataType = aws.String("integer")
		value = fmt.Sprint(s.rand.IntN(5))
	default:
		in.DataType = aws.String("text")
	}
	if in.Tier == types.ParameterTierAdvanced && (in.DataType == nil || *in.DataType == "text") {
		if s.chance(8) {
			value += strings.Repeat("x", 5000)
		}
		in.Policies = s.policies()
	}
	if s.chance(4) {
		in.Description = aws.String([]string{"about it", "öäü \n"}[s.rand.IntN(2)])
	}
	if s.chance(4) {
		in.AllowedPattern = aws.String([]string{".*", "(ami|hunter|[0-9]).*"}[s.rand.IntN(2)])
	}
	in.Value = &value
	shown := value
	if len(shown) > 30 {
		shown = shown[:30] + "..."
	}
	s.user(name, fmt.Sprintf("put %s %s %s", in.Type, in.Tier, shown), func() error {
		_, err := s.account.SSM.PutParameter(s.account.Context(), in)
		return err
	})
}

func (s *story) policies() *string {
	expires := func(d time.Duration) string {
		at := time.Now().Add(d).In(time.FixedZone("", []int{0, 10*3600 + 1800, -3600}[s.rand.IntN(3)]))
		return `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"` + at.Format(time.RFC3339) + `"}}`
	}
	const notify, idle = `{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"1","Unit":"Hours"}}`,
		`{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}`
	return aws.String([]string{
		"[{}]", "[" + idle + "]", "[" + expires(time.Hour*100) + "," + notify + "]", "[" + expires(time.Minute*2) + "," + idle + "," + notify + "]", "[" + expires(time.Minute*2) + "]",
	}[s.rand.IntN(5)])
}

// foreign lets a user change a parameter that is being restored. It may be called
// from any goroutine.
func (s *story) foreign(subject, name string) {
	cur := s.now(name)
	kind := s.Draw("foreign "+subject, 6)
	switch {
	case !cur.live && kind < 4 || kind < 3:
		value := fmt.Sprint(secretMark, " of a user ", s.Draw("value", 1<<30))
		in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)}
		if cur.live {
			in.Type = types.ParameterType(cur.Type)
			in.Tier = types.ParameterTier(cur.Tier)
		}
		s.user(name, "MEANWHILE put", func() error {
			_, err := s.account.SSM.PutParameter(s.account.Context(), in)
			return err
		})
	case !cur.live:
	case kind == 3:
		s.user(name, "MEANWHILE delete", func() error {
			_, err := s.account.SSM.DeleteParameter(s.account.Context(), &ssm.DeleteParameterInput{Name: &name})
			return err
		})
	case kind == 4:
		s.user(name, "MEANWHILE tag", func() error { return s.tagged(name, "theirs", "yes") })
	default:
		s.user(name, "MEANWHILE label", func() error { return s.labelled(name, cur.Version, "theirs") })
	}
}
