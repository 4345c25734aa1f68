"""Small databases of our own, in four manners of naming, for the parser's tests."""

from typing import Final

# snake_case, declared keys, a junction table, plural names
CLINIC: Final = """
CREATE TABLE departments (department_id INTEGER PRIMARY KEY, department_name TEXT NOT NULL, floor INTEGER);
CREATE TABLE doctors (
  doctor_id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, specialty TEXT, salary NUMERIC, hire_date DATE,
  department_id INTEGER REFERENCES departments(department_id));
CREATE TABLE patients (
  patient_id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, gender TEXT,
  date_of_birth DATE, city TEXT, phone_number TEXT, is_insured BOOLEAN);
CREATE TABLE appointments (
  appointment_id INTEGER PRIMARY KEY, patient_id INTEGER NOT NULL REFERENCES patients(patient_id),
  doctor_id INTEGER NOT NULL REFERENCES doctors(doctor_id), scheduled_at TIMESTAMP, status TEXT, fee NUMERIC);
CREATE TABLE medicines (medicine_id INTEGER PRIMARY KEY, medicine_name TEXT, unit_price NUMERIC);
CREATE TABLE prescriptions (
  appointment_id INTEGER REFERENCES appointments(appointment_id),
  medicine_id INTEGER REFERENCES medicines(medicine_id), dosage TEXT,
  PRIMARY KEY (appointment_id, medicine_id));
INSERT INTO departments VALUES (1,'Cardiology',2),(2,'Neurology',3),(3,'Pediatrics',1),(4,'Archive',0);
INSERT INTO doctors VALUES
 (1,'Ada Brand','cardiologist',9000,'2010-04-01',1),(2,'Ben Cole','cardiologist',8200,'2015-09-15',1),
 (3,'Cleo Dunn','neurologist',9900,'2012-01-20',2),(4,'Dov Ekman','pediatrician',7000,'2019-06-01',3),
 (5,'Eva Frost','pediatrician',7100,'2021-03-11',3),(6,'Finn Gray','radiologist',6500,'2022-02-02',NULL);
INSERT INTO patients VALUES
 (1,'Gil','Hart','male','1980-02-03','Leeds','111',1),(2,'Hana','Ito','female','1992-07-19','York','112',1),
 (3,'Ivo','Jung','male','2015-11-30','Leeds',NULL,0),(4,'Jana','Kral','female','1967-05-05','Hull','114',1),
 (5,'Kai','Lund','male','2001-09-09','York','115',0),(6,'Lia','Moss','female','1975-12-24','Leeds',NULL,1);
INSERT INTO appointments VALUES
 (1,1,1,'2022-01-10 09:00:00','completed',120),(2,1,3,'2022-03-15 10:00:00','completed',200),
 (3,2,1,'2022-03-20 11:00:00','cancelled',0),(4,3,4,'2022-06-01 08:30:00','completed',80),
 (5,4,2,'2023-01-05 09:30:00','completed',150),(6,4,1,'2023-02-11 14:00:00','no-show',0),
 (7,2,3,'2023-02-20 15:00:00','completed',210),(8,1,1,'2023-05-09 09:00:00','completed',125),
 (9,5,5,'2023-05-30 10:15:00','cancelled',0),(10,1,2,'2023-07-01 09:00:00','scheduled',90);
INSERT INTO medicines VALUES (1,'Aspirin',4.5),(2,'Ibuprofen',6),(3,'Heparin',32.25),(4,'Placebo',1);
INSERT INTO prescriptions VALUES (1,1,'1x'),(1,3,'2x'),(2,2,'1x'),(4,2,'1x'),(5,3,'1x'),(7,1,'3x'),(8,1,'1x');
"""

# CamelCase, singular names, no declared keys: they must be found by name
SHOP: Final = """
CREATE TABLE Client (ClientId INTEGER PRIMARY KEY, Name TEXT, Email TEXT, Country TEXT, SignupDate DATE, IsActive BOOLEAN);
CREATE TABLE Category (CategoryId INTEGER PRIMARY KEY, Name TEXT);
CREATE TABLE Product (ProductId INTEGER PRIMARY KEY, Name TEXT, CategoryId INTEGER, UnitPrice NUMERIC, StockQuantity INTEGER, Weight NUMERIC);
CREATE TABLE PurchaseOrder (OrderId INTEGER PRIMARY KEY, ClientId INTEGER, OrderDate DATE, ShippedDate DATE, Status TEXT, TotalAmount NUMERIC);
CREATE TABLE OrderItem (OrderItemId INTEGER PRIMARY KEY, OrderId INTEGER, ProductId INTEGER, Quantity INTEGER, UnitPrice NUMERIC);
CREATE TABLE Review (ReviewId INTEGER PRIMARY KEY, ProductId INTEGER, ClientId INTEGER, Stars INTEGER, PostedOn DATE, Comment TEXT);
INSERT INTO Client VALUES (1,'Nora Olsen','nora@x.test','Norway','2020-01-05',1),(2,'Omar Pak','omar@x.test','Egypt','2020-06-10',1),
 (3,'Pia Quist','pia@y.test','Sweden','2021-02-14',0),(4,'Quin Rossi',NULL,'Italy','2021-11-11',1),(5,'Rae Sato','rae@y.test','Japan','2022-03-03',0),
 (6,'Sam Tor','sam@x.test','Norway','2022-08-19',1);
INSERT INTO Category VALUES (1,'Garden'),(2,'Kitchen'),(3,'Toys'),(4,'Books');
INSERT INTO Product VALUES (1,'Rake',1,19.9,12,1.8),(2,'Hose',1,29.5,0,3.2),(3,'Pan',2,45,7,2.1),(4,'Whisk',2,5.5,60,0.2),
 (5,'Kite',3,12,25,0.4),(6,'Puzzle',3,15,3,0.9),(7,'Mug',2,8,100,0.3);
INSERT INTO PurchaseOrder VALUES (1,1,'2022-01-15','2022-01-18','shipped',64.9),(2,1,'2022-05-02','2022-05-03','shipped',24),(3,2,'2022-05-20',NULL,'cancelled',45),
 (4,3,'2022-12-24','2022-12-28','shipped',150),(5,4,'2023-01-09','2023-01-11','shipped',29.5),(6,1,'2023-03-30',NULL,'pending',90),(7,6,'2023-04-04',NULL,'pending',11);
INSERT INTO OrderItem VALUES (1,1,1,1,19.9),(2,1,3,1,45),(3,2,5,2,12),(4,3,3,1,45),(5,4,3,3,45),(6,4,6,1,15),(7,5,2,1,29.5),(8,6,3,2,45),(9,7,4,2,5.5);
INSERT INTO Review VALUES (1,3,1,5,'2022-02-01','solid'),(2,3,3,4,'2023-01-02','heavy'),(3,5,1,2,'2022-05-20','tore'),(4,6,3,3,'2023-01-03','ok'),(5,1,1,4,'2022-02-02','good');
"""

# plain English names, years as numbers, a junction of two keys
LIBRARY: Final = """
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT, nationality TEXT, birth_year INTEGER);
CREATE TABLE publisher (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, author_id INTEGER REFERENCES author(id), publisher_id INTEGER REFERENCES publisher(id),
  year INTEGER, pages INTEGER, language TEXT, price REAL);
CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT, town TEXT, joined DATE, age INTEGER);
CREATE TABLE loan (id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES book(id), member_id INTEGER REFERENCES member(id), loan_date DATE, returned BOOLEAN, fine REAL);
CREATE TABLE genre (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE book_genre (book_id INTEGER REFERENCES book(id), genre_id INTEGER REFERENCES genre(id), PRIMARY KEY (book_id, genre_id));
INSERT INTO author VALUES (1,'Tilda Ude','Nigerian',1950),(2,'Uwe Voss','German',1971),(3,'Vera Wynn','Welsh',1988),(4,'Walt Xu','Chinese',1990);
INSERT INTO publisher VALUES (1,'Harbor','Bristol'),(2,'Linden','Berlin'),(3,'Quay','Bristol');
INSERT INTO book VALUES (1,'Salt Roads',1,1,1999,320,'English',12.5),(2,'The Kiln',1,1,2005,210,'English',9),(3,'Nebel',2,2,2005,410,'German',18),
 (4,'Grat',2,2,2012,150,'German',11),(5,'Slate',3,3,2018,280,'Welsh',14),(6,'Low Tide',3,1,2020,350,'English',16),(7,'Rain',3,3,2021,90,'English',7);
INSERT INTO member VALUES (1,'Yan','Bath','2019-03-01',34),(2,'Zoe','Wells','2020-07-15',52),(3,'Abe','Bath','2021-01-10',19),(4,'Bea','Frome','2022-05-05',67);
INSERT INTO loan VALUES (1,1,1,'2022-01-03',1,0),(2,3,1,'2022-02-10',1,1.5),(3,6,2,'2022-02-20',1,0),(4,6,1,'2022-11-30',0,0),(5,5,2,'2023-01-15',1,2.5),(6,1,3,'2023-01-20',0,0),(7,7,2,'2023-03-03',0,0);
INSERT INTO genre VALUES (1,'Fiction'),(2,'Travel'),(3,'Poetry');
INSERT INTO book_genre VALUES (1,1),(1,2),(2,1),(3,1),(4,2),(5,3),(6,1),(7,3);
"""

# cryptic: a prefix on every name, abbreviations, keys not declared
FLEET: Final = """
CREATE TABLE flt_veh (flt_veh_id INTEGER PRIMARY KEY, flt_veh_plate TEXT, flt_veh_type TEXT, flt_veh_capacity INTEGER, flt_veh_year INTEGER);
CREATE TABLE flt_driver (flt_driver_id INTEGER PRIMARY KEY, flt_driver_name TEXT, flt_driver_region TEXT, flt_driver_hire_date DATE);
CREATE TABLE flt_trip (flt_trip_id INTEGER PRIMARY KEY, flt_veh_id INTEGER, flt_driver_id INTEGER, flt_trip_date DATE, flt_trip_distance NUMERIC, flt_trip_fuel_cost NUMERIC, flt_trip_status TEXT);
INSERT INTO flt_veh VALUES (1,'AB-1','truck',12,2015),(2,'AB-2','van',4,2018),(3,'AB-3','van',5,2020),(4,'AB-4','bus',40,2011);
INSERT INTO flt_driver VALUES (1,'Cora','north','2016-01-01'),(2,'Dirk','south','2018-05-20'),(3,'Enya','north','2021-09-09');
INSERT INTO flt_trip VALUES (1,1,1,'2023-01-02',120.5,60,'done'),(2,1,1,'2023-01-09',80,41,'done'),(3,2,2,'2023-02-01',30,12,'done'),(4,3,2,'2023-02-14',55,20,'aborted'),(5,2,1,'2023-03-01',70,25,'done');
"""

SCHEMAS: Final[dict[str, str]] = {
    "clinic": CLINIC,
    "shop": SHOP,
    "library": LIBRARY,
    "fleet": FLEET,
}

# a university: longer names, a table of pairs with facts of its own, two dates in a table
CAMPUS: Final = """
CREATE TABLE faculties (id INTEGER PRIMARY KEY, name TEXT, building TEXT, annual_budget NUMERIC);
CREATE TABLE lecturers (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, faculty_id INTEGER REFERENCES faculties(id), office TEXT, monthly_pay NUMERIC, started_on DATE);
CREATE TABLE courses (id INTEGER PRIMARY KEY, course_code TEXT, title TEXT, credits INTEGER, level TEXT, faculty_id INTEGER REFERENCES faculties(id), lecturer_id INTEGER REFERENCES lecturers(id));
CREATE TABLE students (id INTEGER PRIMARY KEY, student_name TEXT, email TEXT, home_country TEXT, enrollment_date DATE, gpa REAL);
CREATE TABLE course_registrations (student_id INTEGER REFERENCES students(id), course_id INTEGER REFERENCES courses(id), semester TEXT, grade INTEGER, registered_at DATE, PRIMARY KEY (student_id, course_id));
INSERT INTO faculties VALUES (1,'Science','North Hall',500000),(2,'Arts','South Hall',200000),(3,'Law','Old Court',150000);
INSERT INTO lecturers VALUES (1,'Ana','Bell',1,'N1',5200,'2010-09-01'),(2,'Bo','Carr',1,'N2',4800,'2016-09-01'),(3,'Cy','Dent',2,'S1',4100,'2018-02-01'),(4,'Di','Eaton',3,NULL,6000,'2005-01-15');
INSERT INTO courses VALUES (1,'SC101','Algebra',6,'introductory',1,1),(2,'SC202','Optics',4,'advanced',1,2),(3,'AR110','Sculpture',3,'introductory',2,3),(4,'LA300','Contracts',8,'advanced',3,4),(5,'SC303','Genetics',6,'advanced',1,1);
INSERT INTO students VALUES (1,'Mo Nash','mo@u.test','Kenya','2020-09-01',3.4),(2,'Ned Orr','ned@u.test','Chile','2020-09-01',2.9),(3,'Oda Pike','oda@u.test','Kenya','2021-09-01',3.9),(4,'Pam Reed',NULL,'Japan','2022-09-01',3.1),(5,'Ray Shaw','ray@u.test','Chile','2022-09-01',2.2);
INSERT INTO course_registrations VALUES (1,1,'fall',85,'2020-09-10'),(1,2,'spring',78,'2021-02-01'),(2,1,'fall',66,'2020-09-11'),(2,3,'spring',91,'2021-02-02'),(3,1,'fall',95,'2021-09-09'),(3,5,'fall',88,'2021-09-09'),(3,4,'spring',73,'2022-02-03'),(4,3,'fall',69,'2022-09-12');
"""

SCHEMAS["campus"] = CAMPUS
