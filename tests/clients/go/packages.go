// Package clients names what the programs in docs/clients.md import, so that it is fetched and compiled ahead of them.
package clients

import (
	_ "database/sql"
	_ "fmt"
	_ "log"
	_ "net/url"
	_ "os"

	_ "github.com/trinodb/trino-go-client/trino"
)
