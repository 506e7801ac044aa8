package paramstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
)

// historyPage is the maximum number of versions on a page of GetParameterHistory.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
const historyPage = 50

// History holds the versions that Parameter Store keeps of a parameter: up to
// 100 since it was last created.
type History struct {
	Versions []Version // by ascending number; never empty
	// Pages is the number of pages read. If the last page was empty, there may be
	// newer versions than these: the parameter may have been deleted and recreated
	// before that page was read.
	Pages int
	Read  Window
}

// Version is one version of a [History].
type Version struct {
	ssmbak.Version
	// Value is unknown for a SecureString whose history was not decrypted.
	Value  ssmbak.Known[ssmbak.Value]
	Labels []string
	// Page is the page of the history that contained the version, starting at 0. All
	// versions on a page existed at the same time.
	Page int
}

// Newest returns the newest version.
func (h History) Newest() Version { return h.Versions[len(h.Versions)-1] }

// maxMixed is how often a history is read if its pages may belong to two lives.
const maxMixed = 4

// History reads every version of a parameter, without decryption. It returns
// [ErrNotFound] if the parameter does not exist, in which case the history's Read is
// set too, and [ErrChanged] if the parameter kept being deleted and recreated.
//
// AWS documents no order of versions or pages, so they are sorted by number. If
// their times do not increase with their numbers, the pages may belong to two lives,
// and the history is read again. AWS does not document that the times of one life
// increase, so History accepts any times if two consecutive reads agree.
func (s *Store) History(ctx context.Context, name ssmbak.Name) (History, error) {
	return s.settled(ctx, name, false)
}

// DecryptedHistory is [Store.History] with the values of SecureStrings, without a request
// for each of them. If the key of one version cannot be used, the error is an
// [*UnreadableError], which does not say of which version.
func (s *Store) DecryptedHistory(ctx context.Context, name ssmbak.Name) (History, error) {
	return s.settled(ctx, name, true)
}

// settled reads a history until its versions can belong to one life.
func (s *Store) settled(ctx context.Context, name ssmbak.Name, decrypt bool) (History, error) {
	var last []Version
	for range maxMixed {
		h, err := s.history(ctx, name, decrypt)
		if errors.Is(err, ErrNotFound) {
			return h, err
		}
		if denied := unreadable(name, 0, err); decrypt && denied != nil {
			return History{}, denied
		}
		if err != nil {
			return h, fmt.Errorf("read the history of %s: %w", name, err)
		}
		if ordered(h.Versions) || agree(h.Versions, last) {
			return h, nil
		}
		last = h.Versions
	}
	return History{}, fmt.Errorf("read the history of %s: %w", name, ErrChanged)
}

func (s *Store) history(ctx context.Context, name ssmbak.Name, decrypt bool) (History, error) {
	h, end := History{}, s.Window()
	pages := ssm.NewGetParameterHistoryPaginator(s.client, &ssm.GetParameterHistoryInput{
		Name: aws.String(string(name)), MaxResults: aws.Int32(historyPage), WithDecryption: &decrypt,
	})
	for page := 0; pages.HasMorePages(); page++ {
		out, err := pages.NextPage(ctx)
		if err != nil {
			h.Read = end()
			return h, translate(err)
		}
		for _, p := range out.Parameters {
			h.Versions = append(h.Versions, versionOf(p, page, decrypt))
		}
		h.Pages++
	}
	h.Read = end()
	if len(h.Versions) == 0 {
		return h, ErrNotFound
	}
	slices.SortStableFunc(h.Versions, func(a, b Version) int { return int(a.Number - b.Number) })
	return h, nil
}

// ordered reports whether the versions can belong to one life: numbers are unique
// and times never decrease.
func ordered(versions []Version) bool {
	for i := 1; i < len(versions); i++ {
		if versions[i].Number == versions[i-1].Number || versions[i].Time < versions[i-1].Time {
			return false
		}
	}
	return true
}

// agree reports whether two reads returned the same versions with unique numbers.
func agree(a, b []Version) bool {
	for i := 1; i < len(a); i++ {
		if a[i].Number == a[i-1].Number {
			return false
		}
	}
	return slices.EqualFunc(a, b, func(x, y Version) bool {
		return x.Number == y.Number && x.Time == y.Time && x.Page == y.Page
	})
}

func versionOf(p types.ParameterHistory, page int, decrypted bool) Version {
	v := Version{Version: kept(p), Labels: p.Labels, Page: page}
	if decrypted || p.Type != types.ParameterTypeSecureString {
		v.Value = ssmbak.Know(ssmbak.NewValue(aws.ToString(p.Value)), ssmbak.Proved)
	}
	return v
}

// Secret is the decrypted value of one version. Its number and time together
// identify the version: the number alone may belong to a version of a parameter that
// was deleted and recreated.
type Secret struct {
	Value  ssmbak.Value
	Number int64
	Time   ssmbak.Time
}

// Secret reads and decrypts one version, which costs one KMS request. It returns
// [ErrNotFound] if the parameter or version does not exist, and an
// [*UnreadableError] if the key cannot be used.
func (s *Store) Secret(ctx context.Context, name ssmbak.Name, number int64) (Secret, error) {
	out, err := s.client.GetParameter(ctx, &ssm.GetParameterInput{
		Name: aws.String(string(name) + ":" + strconv.FormatInt(number, 10)), WithDecryption: aws.Bool(true),
	})
	if err != nil {
		if denied := unreadable(name, number, err); denied != nil {
			return Secret{}, denied
		}
		return Secret{}, fmt.Errorf("read %s version %d: %w", name, number, translate(err))
	}
	return Secret{Value: ssmbak.NewValue(aws.ToString(out.Parameter.Value)), Number: out.Parameter.Version, Time: millis(out.Parameter.LastModifiedDate)}, nil
}

// Secrets reads and decrypts all SecureString versions of a parameter, 50 per
// request to Parameter Store and one per request to KMS. The errors are those of
// [Store.Secret]. If one version cannot be decrypted, Secrets returns none.
func (s *Store) Secrets(ctx context.Context, name ssmbak.Name) ([]Secret, error) {
	pages := ssm.NewGetParameterHistoryPaginator(s.client, &ssm.GetParameterHistoryInput{
		Name: aws.String(string(name)), MaxResults: aws.Int32(historyPage), WithDecryption: aws.Bool(true),
	})
	var all []Secret
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			if denied := unreadable(name, 0, err); denied != nil {
				return nil, denied
			}
			return nil, fmt.Errorf("read the secrets of %s: %w", name, translate(err))
		}
		for _, p := range out.Parameters {
			if p.Type == types.ParameterTypeSecureString {
				all = append(all, Secret{Value: ssmbak.NewValue(aws.ToString(p.Value)), Number: p.Version, Time: millis(p.LastModifiedDate)})
			}
		}
	}
	return all, nil
}

// Tags returns the tags of a parameter, an empty map if it has none, or
// [ErrNotFound] if the parameter does not exist.
func (s *Store) Tags(ctx context.Context, name ssmbak.Name) (map[string]string, error) {
	out, err := s.client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(string(name)),
	})
	if err != nil {
		return nil, fmt.Errorf("read the tags of %s: %w", name, translate(err))
	}
	tags := make(map[string]string, len(out.TagList))
	for _, t := range out.TagList {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}
