# What is done on the machines of test_neighbours.py, once, by root; its words on the console are what the test reads.
# $1: which one. $2: the scanner of ports.
sql() { runuser -u postgres -- psql -XqtA -d school -c "$1" 2>&1; }
until_it_says() { until [ "$(sql "$2")" = "$1" ]; do sleep 2; done; }
card=$(basename "$(ls -d /sys/class/net/e*)")
number=$([ "$1" = first ] && echo 1 || echo 2)
# Nobody gives out addresses here. They know one another by name.
ip address add "10.8.0.$number/24" dev "$card"
more_networks() { for network in 10.9.0 192.168.77; do ip address add $network.$number/24 dev "$card"; done; }

if [ "$1" = first ]; then
    seen listening "$(ss -Hltn | awk '$4 !~ /^127\./ { sub(/.*:/, "", $4); print $4 }' | sort -nu)"
    until_it_says 1 'SELECT 1'
    sql 'CREATE TABLE work AS SELECT i FROM generate_series(1, 1000) i'
    seen kept "$(satchel-backup run 2>&1)"
    sql 'DROP TABLE work'
    seen restored "$(satchel-backup restore latest --yes 2>&1)"
    seen again "$(sql 'SELECT count(*) FROM work')"
    until_it_says 1 "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    seen follower "$(sql 'SELECT usename, ssl, version FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)')"
    more_networks
    systemctl restart satchel-postgres
    sql 'INSERT INTO work SELECT generate_series(1001, 2000)'
else
    until_it_says 2000 'SELECT count(*) FROM work'
    seen followed .
    more_networks
    seen refused "$(sql 'DELETE FROM work')"
    # Of neighbours, of operators, of strangers.
    seen neighbour "$(python3 -c "$2" 10.8.0.1)"
    seen operator "$(python3 -c "$2" 10.9.0.1)"
    seen stranger "$(python3 -c "$2" 192.168.77.1)"
fi
