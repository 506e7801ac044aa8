package ui

// pager divides rows into pages.
type pager struct {
	First, Last, Total int // rows, from 1
	Previous, Next     string
}

type pagerView struct {
	pager
	Noun string
}

// paged returns the rows of the view's page, and links to the pages around it.
func paged[T any](v view, path string, rows []T, most int) ([]T, pager) {
	page := max(1, min(v.Page, (len(rows)+most-1)/most))
	begin, end := (page-1)*most, min(page*most, len(rows))
	p := pager{First: begin + 1, Last: end, Total: len(rows)}
	if page > 1 {
		v.Page = page - 1
		p.Previous = v.link(path)
	}
	if end < len(rows) {
		v.Page = page + 1
		p.Next = v.link(path)
	}
	return rows[begin:end], p
}
