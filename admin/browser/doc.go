// Package browser tests the page of the admin side in a real Chromium, driven over its DevTools protocol. It is a module of its own,
// so that what this needs is none of the daemon's. It has nothing but tests:
//
//	npm ci --prefix admin/browser          # axe-core, by the checksum in package-lock.json
//	go -C admin/browser test ./...
//	go -C admin/browser test -run 'TestClass|TestCrowd' -args -screenshots "$PWD/docs"
//
// They need chromium, python3, nc, openssl, what npm ci has fetched, and processes that may open 11,000 files each.
package browser
