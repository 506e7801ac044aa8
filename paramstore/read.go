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

// historyPage is the most that a page of GetParameterHistory holds.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
const historyPage = 50

// History is what Parameter Store keeps of a parameter: up to 100 versions of
// its present life.
type History struct {
	Name     ssmbak.Name
	Versions []Version // by number, the oldest first; never empty
	// Pages counts the pages read. Where the last of them held no version, the
	// newest that is shown need not be the newest there is: the parameter may
	// have been made anew before that page was read.
	Pages int
	Read  Window
}

// Version is one version of a [History].
type Version struct {
	ssmbak.Version
	// Value is the version's value. It is unknown for a SecureString, which a
	// history does not decrypt.
	Value  ssmbak.Known[ssmbak.Value]
	Labels []string
	// Page is the page of the history on which the version stood, the first is
	// 0. Versions of one page were there at one moment.
	Page int
}

// Newest returns the newest version.
func (h History) Newest() Version { return h.Versions[len(h.Versions)-1] }

// maxMixed bounds how often a history is read again because two pages of it
// were of two lives.
const maxMixed = 4

// History reads every version of a parameter, without decryption. The error is
// [ErrNotFound] if the name is not there; the history's Read is set then too,
// since that also was seen in its window.
//
// The order of the versions and of the pages is not documented, so they are
// sorted by their numbers here. Pages that belong to two lives are told by
// numbers whose times do not grow with them, and are read again. Nothing in
// AWS's documentation says that the times of one life grow, so two readings in
// a row that agree are believed, whatever their times are.
func (s *Store) History(ctx context.Context, name ssmbak.Name) (History, error) {
	var last []Version
	for range maxMixed {
		h, err := s.history(ctx, name)
		if errors.Is(err, ErrNotFound) {
			return h, err
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

func (s *Store) history(ctx context.Context, name ssmbak.Name) (History, error) {
	h := History{Name: name, Read: begin()}
	pages := ssm.NewGetParameterHistoryPaginator(s.client, &ssm.GetParameterHistoryInput{
		Name: aws.String(string(name)), MaxResults: aws.Int32(historyPage), WithDecryption: aws.Bool(false),
	})
	for page := 0; pages.HasMorePages(); page++ {
		out, err := pages.NextPage(ctx)
		if err != nil {
			h.Read.end()
			return h, translate(err)
		}
		for _, p := range out.Parameters {
			h.Versions = append(h.Versions, versionOf(p, page))
		}
		h.Pages++
	}
	h.Read.end()
	if len(h.Versions) == 0 {
		return h, ErrNotFound
	}
	slices.SortStableFunc(h.Versions, func(a, b Version) int { return int(a.Number - b.Number) })
	return h, nil
}

// ordered reports whether the versions can be of one life: each number once,
// and times that never go back.
func ordered(versions []Version) bool {
	for i := 1; i < len(versions); i++ {
		if versions[i].Number == versions[i-1].Number || versions[i].Time < versions[i-1].Time {
			return false
		}
	}
	return true
}

// agree reports whether two readings show the same versions, each number once.
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

func versionOf(p types.ParameterHistory, page int) Version {
	v := Version{Version: kept(p), Labels: p.Labels, Page: page}
	if p.Type != types.ParameterTypeSecureString {
		v.Value = ssmbak.Know(ssmbak.NewValue(aws.ToString(p.Value)), ssmbak.Proved)
	}
	return v
}

// Secret is the decrypted value of one version. The version is told by both
// its number and its time, since the name may have been deleted and made anew
// since somebody learned the number.
type Secret struct {
	Value  ssmbak.Value
	Number int64
	Time   ssmbak.Time
}

// Secret reads one version with decryption, which costs a request to KMS. The
// error is [ErrNotFound] if the name or the version is not there, and an
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

// Secrets reads the values of all SecureString versions of a parameter with
// decryption, 50 with one request to Parameter Store, though KMS is asked for
// each. The errors are those of [Store.Secret]; where one version cannot be
// decrypted, none is.
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

// Tags reads the tags of a parameter; none is an empty map. The error is
// [ErrNotFound] if the name is not there.
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
