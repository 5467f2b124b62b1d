//! Places that networks send in place of a name: `HAMILTON     ON`, `TORONTO-ON`, `TEXAS CALL`. A text that may be the name of
//! a person or a firm is no place.

/// States of the United States and provinces of Canada.
const STATES: &str = " AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK \
    OR PA PQ PR RI SC SD TN TX UT VA VT WA WI WV WY AB BC MB NB NL NS NT NU ON PE QC SK YT ";
/// States that are also the end of a name. Such an end is a given name, a degree, a kind of firm, or a word that a network
/// has cut.
const NAME_ENDINGS: &str = " AL CA CO DE ID IN LA MA MD ME MS NE OK ON OR PA PE SC VA ";
/// States that are also a given name behind a comma: `LEE, KY`.
const GIVEN_NAMES: &str = " AL HI IA IL KY MI MO ";
/// First words of the name of a person.
const TITLES: [&str; 5] = ["dr", "mr", "mrs", "ms", "prof"];
/// Width to which networks pad a town, or cut it.
const TOWN_WIDTH: usize = 12;

/// States and provinces whose name is no name of a person, in lower case.
const REGIONS: &str = "ontario,quebec,manitoba,saskatchewan,british columbia,nova scotia,new brunswick,newfoundland,alabama,\
    alaska,arizona,arkansas,california,colorado,connecticut,florida,hawaii,idaho,illinois,iowa,kansas,kentucky,louisiana,\
    maryland,massachusetts,michigan,minnesota,mississippi,missouri,nebraska,nevada,new hampshire,new jersey,new mexico,\
    new york,north carolina,south carolina,north dakota,south dakota,ohio,oklahoma,oregon,pennsylvania,rhode island,\
    tennessee,texas,utah,vermont,west virginia,wisconsin,wyoming,puerto rico";
/// States and provinces whose name is also one of a person: places only before `CALL`.
const PERSONAL_REGIONS: &str = "alberta,delaware,georgia,indiana,maine,montana,virginia,washington";

/// The largest towns of the states in [`NAME_ENDINGS`] and [`GIVEN_NAMES`].
const TOWNS: [(&str, &str); 24] = [
    ("AL", "BIRMINGHAM,MONTGOMERY,MOBILE,HUNTSVILLE,TUSCALOOSA,DOTHAN,DECATUR"),
    (
        "CA",
        "LOS ANGELES,SAN DIEGO,SAN JOSE,SAN FRANCISCO,FRESNO,SACRAMENTO,LONG BEACH,OAKLAND,BAKERSFIELD,ANAHEIM,SANTA ANA,\
         RIVERSIDE,STOCKTON,IRVINE,FREMONT,MODESTO,GLENDALE,ONTARIO,OXNARD,PASADENA,TORRANCE,HAYWARD,SALINAS,SUNNYVALE,\
         POMONA,BURBANK,BERKELEY,SANTA ROSA,SANTA CLARA,VAN NUYS,BEVERLY HILLS",
    ),
    ("CO", "DENVER,COLORADO SPRINGS,AURORA,FORT COLLINS,LAKEWOOD,THORNTON,ARVADA,PUEBLO,BOULDER,GREELEY"),
    ("DE", "WILMINGTON,DOVER,NEWARK,MIDDLETOWN"),
    ("HI", "HONOLULU,HILO,KAILUA,KAHULUI"),
    ("IA", "DES MOINES,CEDAR RAPIDS,DAVENPORT,SIOUX CITY,IOWA CITY,WATERLOO,DUBUQUE"),
    ("ID", "BOISE,MERIDIAN,NAMPA,IDAHO FALLS,POCATELLO,TWIN FALLS"),
    ("IL", "CHICAGO,AURORA,JOLIET,NAPERVILLE,ROCKFORD,SPRINGFIELD,PEORIA,ELGIN,CHAMPAIGN"),
    ("IN", "INDIANAPOLIS,FORT WAYNE,EVANSVILLE,SOUTH BEND,CARMEL,BLOOMINGTON,HAMMOND,LAFAYETTE,GARY"),
    ("KY", "LOUISVILLE,LEXINGTON,BOWLING GREEN,OWENSBORO,COVINGTON"),
    ("LA", "NEW ORLEANS,BATON ROUGE,SHREVEPORT,LAFAYETTE,LAKE CHARLES,METAIRIE,KENNER,BOSSIER CITY"),
    (
        "MA",
        "BOSTON,WORCESTER,SPRINGFIELD,CAMBRIDGE,LOWELL,BROCKTON,NEW BEDFORD,QUINCY,LYNN,FALL RIVER,NEWTON,SOMERVILLE,\
         FRAMINGHAM,WALTHAM",
    ),
    ("MD", "BALTIMORE,COLUMBIA,GERMANTOWN,SILVER SPRING,FREDERICK,ROCKVILLE,GAITHERSBURG,BETHESDA,ANNAPOLIS"),
    ("ME", "PORTLAND,LEWISTON,BANGOR,AUGUSTA"),
    ("MI", "DETROIT,GRAND RAPIDS,WARREN,STERLING HEIGHTS,ANN ARBOR,LANSING,FLINT,DEARBORN,LIVONIA,KALAMAZOO"),
    ("MO", "KANSAS CITY,ST LOUIS,SAINT LOUIS,SPRINGFIELD,INDEPENDENCE"),
    ("MS", "JACKSON,GULFPORT,SOUTHAVEN,BILOXI,HATTIESBURG,TUPELO,MERIDIAN"),
    ("NE", "OMAHA,LINCOLN,BELLEVUE,GRAND ISLAND"),
    ("OK", "OKLAHOMA CITY,TULSA,NORMAN,BROKEN ARROW,EDMOND,LAWTON"),
    (
        "ON",
        "TORONTO,OTTAWA,MISSISSAUGA,BRAMPTON,HAMILTON,LONDON,MARKHAM,VAUGHAN,KITCHENER,WINDSOR,RICHMOND HILL,OAKVILLE,\
         BURLINGTON,SUDBURY,OSHAWA,BARRIE,ST CATHARINES,CAMBRIDGE,KINGSTON,GUELPH,WHITBY,AJAX,THUNDER BAY,WATERLOO,\
         BRANTFORD,PICKERING,NIAGARA FALLS,PETERBOROUGH,SARNIA,CLARINGTON,KANATA,NEPEAN,SCARBOROUGH,ETOBICOKE,NORTH YORK,\
         NEWMARKET,AURORA,MILTON,WELLAND,BELLEVILLE,CORNWALL,NORTH BAY,STRATFORD,ORILLIA,TIMMINS,WOODSTOCK,ST THOMAS",
    ),
    ("OR", "PORTLAND,SALEM,EUGENE,GRESHAM,HILLSBORO,BEAVERTON,BEND,MEDFORD,CORVALLIS"),
    ("PA", "PHILADELPHIA,PITTSBURGH,ALLENTOWN,READING,ERIE,SCRANTON,BETHLEHEM,LANCASTER,HARRISBURG,YORK,WILKES BARRE"),
    ("SC", "CHARLESTON,COLUMBIA,GREENVILLE,ROCK HILL,SPARTANBURG,MYRTLE BEACH,SUMMERVILLE"),
    (
        "VA",
        "VIRGINIA BEACH,NORFOLK,CHESAPEAKE,RICHMOND,NEWPORT NEWS,ALEXANDRIA,HAMPTON,ROANOKE,PORTSMOUTH,LYNCHBURG,FAIRFAX,\
         ARLINGTON",
    ),
];

/// Returns whether the text is a town and a state or province. Two blanks are the padding of a network. With less, a state that
/// is also the end of a name (`SMITH MD`, `ACME CO`) needs a known town.
pub(super) fn is_place(text: &str) -> bool {
    let Some((before, state)) = text.rsplit_once([' ', ',', '-']) else { return false };
    let town = before.trim_end_matches([' ', ',']);
    let between = text.get(town.len()..text.len().saturating_sub(state.len())).unwrap_or_default();
    let listed = |list: &str| state.len() == 2 && list.contains(&format!(" {state} "));
    let has_comma = between.contains(',');
    if !listed(STATES) || town.is_empty() || !is_town_text(town, has_comma) {
        return false;
    }
    match between {
        _ if has_comma => {
            is_known_town(town, state) || !listed(NAME_ENDINGS) && !listed(GIVEN_NAMES) && !has_title(town)
        }
        _ if between.matches(' ').count() > 1 => true,
        " " => is_known_town(town, state) || !listed(NAME_ENDINGS),
        // A name may have a hyphen.
        _ => is_known_town(town, state),
    }
}

/// Returns whether a text in lower case is a state or province, with `call` behind it or not.
pub(super) fn is_region(folded: &str) -> bool {
    let listed = |list: &str, word: &str| list.split(',').any(|known| known == word);
    let called = [" call", " caller", " callr"].iter().find_map(|end| folded.strip_suffix(end));
    listed(REGIONS, called.unwrap_or(folded)) || called.is_some_and(|place| listed(PERSONAL_REGIONS, place))
}

/// Returns whether a text is written as a town: in capital letters, before a comma in small letters, too.
fn is_town_text(town: &str, has_comma: bool) -> bool {
    let is_sign = |c: char| matches!(c, ' ' | '.' | '-' | ',' | '\'');
    town.chars().all(|c| is_sign(c) || c.is_ascii_uppercase() || has_comma && c.is_alphabetic())
}

fn is_known_town(town: &str, state: &str) -> bool {
    let town = town.replace('.', "").to_uppercase();
    let is_cut = town.chars().count() == TOWN_WIDTH;
    let towns = TOWNS.iter().find(|(known, _)| *known == state).map_or("", |(_, towns)| towns);
    towns.split(',').any(|known| known == town || is_cut && known.starts_with(&town))
}

fn has_title(town: &str) -> bool {
    let first = town.split([' ', '.']).next().unwrap_or_default().to_lowercase();
    TITLES.contains(&first.as_str())
}

/// Returns whether a word is a state or province.
pub(super) fn is_state(word: &str) -> bool {
    word.len() == 2 && STATES.contains(&format!(" {} ", word.to_uppercase()))
}
