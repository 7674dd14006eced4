"""Adds the LDIF on standard input to the domain of the smb.conf in the first argument, in one transaction."""
import sys

from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

domain = SamDB(session_info=system_session(), lp=LoadParm(filename_for_non_global_lp=sys.argv[1]))
domain.transaction_start()
for change in sys.stdin.read().split("\n\n"):
    if "changetype:" in change and "replace: pwdLastSet" in change:  # else it may only be set to 0 and to now
        domain.modify_ldif(change, controls=["local_oid:%s:0" % dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID])
    elif "changetype:" in change:
        domain.modify_ldif(change)
    elif "objectClass: crossRef" in change:  # of a domain that is not there
        domain.add_ldif(change, controls=["local_oid:%s:0" % dsdb.DSDB_CONTROL_DBCHECK])
    elif change.strip():
        domain.add_ldif(change)
domain.transaction_commit()
